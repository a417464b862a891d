"""Test that errors of a definition are reported at their place in the file."""

import textwrap
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.source.load import load

BY_NAME = {kind.name: kind for kind in KINDS}
HEAD = "apiVersion: kvmreconcile/v1\nkind: {kind}\nmetadata: {{name: it}}\nspec:\n"
Q35 = "  machine: q35\n  memory: 64MiB\n"


def messages(tmp_path: Path, kind: str, spec: str) -> list[str]:
    """Return the messages about a document, each with its line and column."""
    file = tmp_path / "it.yaml"
    file.write_text(HEAD.format(kind=kind) + spec)
    loaded = load([file], BY_NAME, "test")
    assert not loaded.desired
    return [str(problem).removeprefix(f"{file}:").replace(f"{file}:", "") for problem in loaded.problems]


DOMAINS = [
    pytest.param(
        Q35 + "  disks:\n  - {target: vda}\n  - {target: hda, bus: ide}\n",
        ["9:24: Domain/it: the machine type q35 has no IDE bus"],
        marks=pytest.mark.case("38a"),
        id="38a-field",
    ),
    pytest.param(
        Q35 + "  disks:\n  - {name: a}\n  - name: b\n    xml: |\n      <disk>\n        <target bus='ide'/>\n      </disk>\n",
        ["12:7: Domain/it: the machine type q35 has no IDE bus"],
        marks=pytest.mark.case("38a"),
        id="38a-entry",
    ),
    pytest.param(
        Q35 + "  disks: [{xml: <disk><target dev='hda' bus='ide'/></disk>}]\n",
        ["7:17: Domain/it: the machine type q35 has no IDE bus"],
        marks=pytest.mark.case("38a"),
        id="38a-entry-on-one-line",
    ),
    pytest.param(
        Q35 + "  xml: |\n    <domain>\n      <devices>\n        <disk><target dev='vda'/></disk>\n"
        "        <disk><target dev='hda'/></disk>\n      </devices>\n    </domain>\n",
        ["11:5: Domain/it: the machine type q35 has no IDE bus"],
        marks=pytest.mark.case("38a"),
        id="38a-fragment",
    ),
    pytest.param(
        "  memory: 64MiB\n  boot: {order: [hd]}\n  disks: [{name: a, bootOrder: 1}]\n",
        ["7:32: Domain/it: the boot order of a device cannot be combined with the boot order in os/boot (the other is at 6:17)"],
        marks=pytest.mark.case("38b"),
        id="38b",
    ),
    pytest.param(
        "  memory: 64MiB\n  interfaces: [{user: true, mac: '53:54:00:00:00:01'}]\n",
        ["6:34: Domain/it: this is a multicast MAC address: its first octet is odd"],
        marks=pytest.mark.case("38e"),
        id="38e",
    ),
    pytest.param(
        "  memory: 64MiB\n  arch: aarch64\n  features: {acpi: true}\n",
        ["7:20: Domain/it: ACPI needs UEFI on aarch64"],
        marks=pytest.mark.case("38i"),
        id="38i",
    ),
    pytest.param(
        "  memory: 64MiB\n  vcpus: {maximum: 2, count: 2}\n  xml: |\n    <domain>\n      <vcpus>\n"
        "        <vcpu id='0' enabled='yes' hotpluggable='no'/>\n        <vcpu id='1' enabled='no' hotpluggable='yes'/>\n"
        "      </vcpus>\n    </domain>\n",
        ["6:30: Domain/it: the number of vCPUs is 2, but <vcpus> enables 1 (the other is at 9:5)"],
        marks=pytest.mark.case("33"),
        id="33",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "problems"), DOMAINS)
def test_invalid_domain_is_reported_at_its_place(tmp_path: Path, spec: str, problems: list[str]) -> None:
    assert [line.partition("; ")[0] for line in messages(tmp_path, "Domain", spec)] == problems


@pytest.mark.case("38f")
def test_volume_that_is_its_own_backing_store_is_reported(tmp_path: Path) -> None:
    spec = "  pool: p\n  capacity: 1MiB\n  format: qcow2\n  backing: {volume: it}\n"

    assert messages(tmp_path, "Volume", spec) == [
        '8:12: Volume/p/it: a volume cannot be its own backing store; specify another volume, or remove "backing"'
    ]


LAN = """\
  addresses:
  - address: 192.0.2.1/24
    dhcp:
{}"""


@pytest.mark.case("36")
@pytest.mark.parametrize(
    ("dhcp", "problems"),
    [
        ("ranges: [{start: 192.0.2.9, end: 192.0.2.20}]\nhosts: [{name: a, ip: 192.0.2.30}]", []),
        (
            "hosts:\n- {mac: '52:54:00:00:00:01', ip: 192.0.2.30}\n- {mac: '52:54:00:00:00:01', ip: 192.0.2.31}",
            ["10:15: Network/it: two DHCP hosts have the same MAC address (the other is at 9:15)"],
        ),
        (
            "hosts:\n- {name: a, ip: 192.0.2.30}\n- {name: b, ip: 192.0.2.30}",
            ["10:23: Network/it: two DHCP hosts have the same address (the other is at 9:23)"],
        ),
        (
            "hosts:\n- {name: a, ip: 192.0.2.30}\n- {name: A, ip: 192.0.2.31}",
            ["10:16: Network/it: two DHCP hosts have the same name (the other is at 9:16)"],
        ),
        (
            "hosts: [{name: a, ip: 198.51.100.3}]",
            ["8:29: Network/it: a DHCP host cannot have this address: it is outside the subnet"],
        ),
        (
            "hosts: [{name: a, ip: 192.0.2.255}]",
            [
                "8:29: Network/it: a DHCP host cannot have this address: it is the network or broadcast address"
            ],
        ),
        (
            "ranges: [{start: 192.0.2.0, end: 192.0.2.9}]",
            [
                "8:24: Network/it: a DHCP range cannot have this address: it is the network or broadcast address"
            ],
        ),
        (
            "ranges: [{start: 192.0.2.9, end: 192.0.2.5}]",
            ["8:24: Network/it: a DHCP range ends before it starts"],
        ),
        (
            "hosts: [{id: '0:1', ip: '2001:db8::9'}]",
            ["8:31: Network/it: a DHCP host cannot have this address: it is outside the subnet"],
        ),
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_assigned_are_reported(
    tmp_path: Path, dhcp: str, problems: list[str]
) -> None:
    spec = LAN.format(textwrap.indent(dhcp, "      ") + "\n")
    if not problems:
        file = tmp_path / "it.yaml"
        file.write_text(HEAD.format(kind="Network") + spec)
        assert load([file], BY_NAME, "test").problems == ()
        return

    assert [line.partition("; ")[0] for line in messages(tmp_path, "Network", spec)] == problems


@pytest.mark.case("36")
def test_dhcp_on_two_addresses_is_reported_only_for_the_same_address_family(tmp_path: Path) -> None:
    one = "  - {{address: {0}, dhcp: {{ranges: [{{start: {1}, end: {1}}}]}}}}\n"
    first = "  addresses:\n" + one.format("192.0.2.1/24", "192.0.2.9")
    second = one.format("198.51.100.1/24", "198.51.100.9")

    (line,) = messages(tmp_path, "Network", first + second)

    assert line.partition("; ")[0] == (
        "7:38: Network/it: only one IPv4 address of a network can have DHCP (the other is at 6:35)"
    )
    file = tmp_path / "it.yaml"
    empty = "  addresses:\n  - {address: 192.0.2.1/24, dhcp: {}}\n"
    for fine in (first + one.format("'2001:db8::1/64'", "'2001:db8::9'"), empty + second):
        file.write_text(HEAD.format(kind="Network") + fine)
        assert load([file], BY_NAME, "test").problems == ()


@pytest.mark.case("30")
def test_value_in_xml_that_differs_from_its_field_is_reported(tmp_path: Path) -> None:
    spec = (
        "  memory: 64MiB\n  title: one\n  xml: |\n    <domain>\n      <title>one</title>\n"
        "      <memory unit='MiB'>32</memory>\n    </domain>\n"
    )

    (problem,) = messages(tmp_path, "Domain", spec)

    assert (
        "10:5: Domain/it: spec.xml: sets memory to a different value than the fields of the spec" in problem
    )
    assert problem.endswith("; remove one of the two values")


@pytest.mark.case("30")
def test_attribute_in_xml_that_differs_from_its_field_is_reported_at_its_element(
    tmp_path: Path,
) -> None:
    spec = "  mode: nat\n  xml: |\n    <network>\n      <forward mode='route'/>\n    </network>\n"

    (problem,) = messages(tmp_path, "Network", spec)

    assert "8:5: Network/it: spec.xml: sets forward/@mode to a different value" in problem


@pytest.mark.case("31")
def test_interfaces_of_a_team_have_the_same_mac(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    pair = (
        "  - {name: main, network: lan, mac: '52:54:00:00:00:07', teaming: {type: persistent}}\n"
        "  - {name: vf, hostdev: '0000:03:10.1', mac: '52:54:00:00:00:07', teaming: {type: transient, persistent: ua-main}}\n"
    )
    file.write_text(HEAD.format(kind="Domain") + "  memory: 64MiB\n  interfaces:\n" + pair)

    assert load([file], BY_NAME, "test").problems == ()
    file.write_text(
        file.read_text()
        .replace(", teaming: {type: persistent}", "")
        .replace(", teaming: {type: transient, persistent: ua-main}", "")
    )
    assert "two devices have the same mac" in str(load([file], BY_NAME, "test").problems[0])
