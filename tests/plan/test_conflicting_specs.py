"""Specs with conflicting claims, and objects that already have the claims of a spec."""

import html
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Actual, Applied, Hold, Key, Observation, OwnershipMark, Plan, Prune, World
from kvmreconcile.plan import ComparisonCache, Overrides, plan
from kvmreconcile.render import render_json, render_markdown, render_text
from kvmreconcile.source.load import load
from kvmreconcile.tree import parse
from tests.first_seen import LONG

BY_NAME = {kind.name: kind for kind in KINDS}
RULES = {kind.name: kind.rules for kind in KINDS}
UUID = "11111111-0008-0000-0000-000000000008"
SPEC = "---\napiVersion: kvmreconcile/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
GUEST = "type: qemu, memory: 64MiB, defaults: libvirt"
DISK, NIC = "disks: [{name: a, block: /dev/sdz1}]", "interfaces: [{bridge: br0, mac: '52:54:00:00:00:33'}]"
XML = {
    DISK: "<disk type='block' device='disk'><source dev='/dev/sdz1'/><target dev='vda'/></disk>",
    NIC: "<interface type='bridge'><mac address='52:54:00:00:00:33'/><source bridge='br0'/></interface>",
}


def guest(name: str, spec: str = "", state: str = "running") -> str:
    return SPEC.format(
        kind="Domain", name=name, spec=f"{GUEST}, state: {state}" + (f", {spec}" if spec else "")
    )


def network(name: str, spec: str) -> str:
    return SPEC.format(kind="Network", name=name, spec=spec)


def there(name: str, devices: str = "", *, active: bool = False, uuid: str = "") -> Actual:
    uuid = uuid or f"22222222-0000-0000-0000-{len(name):012}"
    xml = (
        f"<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory>65536</memory><vcpu>1</vcpu>"
        f"<os><type>hvm</type></os><devices>{devices}</devices></domain>"
    )
    live = xml.replace("<domain ", "<domain id='1' ") if active else None
    return Actual(key=Key("Domain", name), uuid=uuid, xml=xml, live_xml=live, active=active)


def made_up(tmp_path: Path, documents: Iterable[str], objects: Iterable[Actual] = ()) -> World:
    file = tmp_path / "specs.yaml"
    file.write_text("".join(documents))
    loaded = load([file], BY_NAME, "test")
    assert loaded.problems == ()
    observed = Observation({each.key: each for each in objects})
    now = datetime(2026, 11, 30, tzinfo=UTC)
    return World("test", "here", now, loaded.desired, observed, {}, first_seen=LONG)


def planned(tmp_path: Path, documents: Iterable[str], objects: Iterable[Actual] = ()) -> Plan:
    return plan(made_up(tmp_path, documents, objects), BY_NAME, Overrides())


def done(made: Plan) -> list[str]:
    return [f"{action.verb.name} {action.key}" for action in made.actions]


def messages(made: Plan, tmp_path: Path) -> list[str]:
    return [str(problem).replace(f"{tmp_path}/specs.yaml:", "") for problem in made.problems]


CLAIMS = [
    pytest.param(f"uuid: {UUID}", f"UUID {UUID}", id="UUID"),
    pytest.param(DISK, "disk /dev/sdz1", id="disk"),
    pytest.param(NIC, "MAC address 52:54:00:00:00:33", id="MAC"),
    pytest.param("vsock: 7", "vsock CID 7", id="CID"),
    pytest.param("hostdevs: [{pci: '0000:03:00.0'}]", "PCI device 0/3/0/0", id="PCI"),
    pytest.param("firmware: {type: efi, nvram: /n.fd}", "NVRAM file /n.fd", id="NVRAM"),
]


@pytest.mark.case("35")
@pytest.mark.parametrize(("spec", "what"), CLAIMS)
def test_specs_with_the_same_claim_are_both_in_error_and_others_are_planned(
    tmp_path: Path, spec: str, what: str
) -> None:
    made = planned(tmp_path, [guest("one", spec), guest("two", spec), guest("other")])

    assert {action.key.name for action in made.actions} == {"other"}
    first, second = messages(made, tmp_path)
    assert f"Domain/one and Domain/two have the same {what} (Domain/two is at 10:" in first
    assert first.startswith("5:")
    assert f"Domain/two and Domain/one have the same {what} (Domain/one is at 5:" in second
    assert second.startswith("10:")
    assert second.endswith("; give each its own")


@pytest.mark.case("35")
@pytest.mark.parametrize("spec", [DISK, NIC])
def test_spec_whose_object_has_the_claim_is_planned(tmp_path: Path, spec: str) -> None:
    has = there("one", XML[spec], active=True)

    made = planned(tmp_path, [guest("one", f"{spec}, adopt: true"), guest("two", spec)], [has])

    assert {action.key.name for action in made.actions} == {"one"}
    (problem,) = messages(made, tmp_path)
    assert problem.startswith("10:")
    assert "Domain/two and Domain/one have the same" in problem


@pytest.mark.case("35")
@pytest.mark.parametrize("spec", [DISK, NIC])
@pytest.mark.parametrize("owner", ["ours", "theirs"])
def test_start_is_held_while_an_active_object_has_the_same_claim(
    tmp_path: Path, spec: str, owner: str
) -> None:
    has = there("one", XML[spec], active=True)
    specs = [guest("two", spec), *([guest("one", f"{spec}, adopt: true", "any")] if owner == "ours" else [])]

    made = planned(tmp_path, specs, [has])

    assert "create Domain/two" in done(made)
    assert "start Domain/two" not in done(made)
    (held,) = (h for h in made.held if h.action.key.name == "two")
    assert (held.action.verb.name, held.hold) == ("start", Hold.CLAIM)
    assert held.detail.startswith("Domain/one is active and has the ")
    assert made.problems == ()


@pytest.mark.case("35")
def test_specs_may_share_a_claim_if_only_one_guest_should_run(tmp_path: Path) -> None:
    made = planned(tmp_path, [guest("one", f"{DISK}, {NIC}"), guest("two", f"{DISK}, {NIC}", "stopped")])

    assert made.problems == ()
    assert done(made) == ["create Domain/one", "start Domain/one", "create Domain/two"]


@pytest.mark.case("35")
def test_shareable_disk_or_mac_on_another_network_is_no_conflict(tmp_path: Path) -> None:
    shared = "disks: [{name: a, block: /dev/sdz1, shareable: true}]"
    other = NIC.replace("br0", "br1")

    assert (
        planned(tmp_path, [guest("one", f"{shared}, {NIC}"), guest("two", f"{shared}, {other}")]).problems
        == ()
    )


@pytest.mark.case("37")
def test_networks_with_the_same_subnet_or_bridge_are_in_error(tmp_path: Path) -> None:
    addresses = ("192.0.2.1/24", "192.0.2.129/25")
    nets = [network(f"n{n}", f"mode: nat, addresses: [{a}]") for n, a in enumerate(addresses)]
    bridges = [network(f"b{n}", "bridge: virbr7") for n in range(2)]

    made = planned(tmp_path, [*nets, *bridges, network("other", "mode: isolated")])

    assert {action.key.name for action in made.actions} == {"other"}
    assert len(made.problems) == 4


@pytest.mark.case("37")
def test_network_start_is_held_while_an_unmanaged_network_has_the_same_subnet(tmp_path: Path) -> None:
    xml = "<network><name>theirs</name><uuid>{}</uuid><ip address='192.0.2.1' prefix='24'/></network>"
    theirs = Actual(key=Key("Network", "theirs"), uuid=UUID, xml=xml.format(UUID), active=True)

    made = planned(tmp_path, [network("mine", "addresses: [192.0.2.200/28]")], [theirs])

    assert done(made) == ["create Network/mine"]
    ((hold, why),) = {(h.hold, h.detail) for h in made.held}
    assert (hold, why) == (
        Hold.CLAIM,
        "Network/theirs is active and has the subnet 192.0.2.1/24, which overlaps the subnet 192.0.2.200/28",
    )


def test_restart_is_not_held_if_both_run_with_the_same_claim(tmp_path: Path) -> None:
    both = [there(name, XML[NIC], active=True) for name in ("one", "twin")]
    spec = guest("one", f"{NIC}, adopt: true, cpu: {{mode: maximum}}, update: {{maxEffect: restart}}")

    made = planned(tmp_path, [spec], both)

    assert "restart Domain/one" in done(made)


@pytest.mark.case("35")
def test_existing_conflict_is_reported_and_both_objects_are_planned(tmp_path: Path) -> None:
    both = [there(name, XML[NIC], active=True) for name in ("one", "twin")]
    specs = [guest(name, f"{NIC}, adopt: true, title: edited") for name in ("one", "twin")]

    made = planned(tmp_path, specs, both)

    assert {"define Domain/one", "define Domain/twin"} <= set(done(made))
    assert [problem.rpartition("; ")[2] for problem in messages(made, tmp_path)] == [
        "give Domain/one its own",
        "give Domain/twin its own",
    ]


@pytest.mark.case("38")
def test_definitions_that_were_not_validated_are_listed_by_reason(tmp_path: Path) -> None:
    keys = [Key("Domain", f"g{n}") for n in range(5)]
    unchecked = (
        *((key, "libvirt is reached over the network, perhaps on another machine") for key in keys),
        (Key("Domain", "x"), "it is closed"),
    )
    made = replace(planned(tmp_path, [guest("one")]), unchecked=unchecked)

    text, document = render_text(made, RULES), json.loads(render_json(made, RULES))

    line = "Not validated by libvirt: Domain/g0, Domain/g1, Domain/g2 and 2 more: libvirt is reached over the network, perhaps on another machine."
    assert line in text
    assert "Not validated by libvirt: Domain/x: it is closed." in text
    assert line in html.unescape(render_markdown(made, RULES))
    assert document["unchecked"][5] == {"key": "Domain/x", "why": "it is closed"}


@pytest.mark.case("35")
def test_guest_on_a_snapshot_claims_the_disk_of_its_spec(tmp_path: Path) -> None:
    snapshot = XML[DISK].replace("/dev/sdz1", "/srv/snapshot").replace("type='block'", "type='file'")
    has, specs = there("one", snapshot.replace("dev='/srv", "file='/srv"), active=True), [guest("one", DISK)]
    before = made_up(tmp_path, specs, [has])
    applied = Applied(Key("Domain", "one"), has.uuid, "test", before.desired[Key("Domain", "one")].tree, "")
    world = replace(made_up(tmp_path, [*specs, guest("two", DISK)], [has]), applied={applied.key: applied})

    made = plan(world, BY_NAME, Overrides())

    assert {action.key.name for action in made.actions} <= {"one"}
    (problem,) = messages(made, tmp_path)
    assert "Domain/two and Domain/one have the same" in problem


@pytest.mark.case("35")
def test_many_copies_of_a_spec_have_one_problem_each(tmp_path: Path) -> None:
    made = planned(tmp_path, [guest(f"g{n}", f"uuid: {UUID}") for n in range(5)])

    assert len(made.problems) == 5
    assert "Domain/g0, Domain/g1 and 3 more have the same UUID" in messages(made, tmp_path)[0]


@pytest.mark.case("24")
def test_conflict_message_does_not_show_a_secret(tmp_path: Path) -> None:
    secret = f"{DISK}, secret: [devices/disk/source/@dev]"

    made = planned(tmp_path, [guest("one", secret), guest("two", DISK)])

    assert len(made.problems) == 2
    assert "sdz1" not in str(made.problems)
    assert "disk (secret)" in messages(made, tmp_path)[0]


@pytest.mark.case("37")
def test_renamed_network_is_started_after_the_old_network_is_removed(tmp_path: Path) -> None:
    old, xml = (
        Key("Network", "old"),
        "<network><name>old</name><uuid>{}</uuid><ip address='192.0.2.1' prefix='24'/></network>",
    )
    ownership_mark = OwnershipMark("test", str(old), UUID)
    was = Actual(key=old, uuid=UUID, xml=xml.format(UUID), active=True, ownership_mark=ownership_mark)
    specs = [network("new", "mode: isolated, addresses: [192.0.2.1/24]")]
    applied = Applied(old, UUID, "test", parse(xml.format(UUID)), "")
    prune = {"Network": Prune.AUTO}
    world = replace(made_up(tmp_path, specs, [was]), applied={old: applied}, prune=prune)

    made = plan(world, BY_NAME, Overrides())

    assert [step for step in done(made) if "Network" in step] == [
        "remove Network/old",
        "create Network/new",
        "start Network/new",
    ]


@pytest.mark.case("35")
def test_same_mac_on_different_networks_is_noted_and_not_held(tmp_path: Path) -> None:
    specs = [guest("one", NIC), guest("two", NIC.replace("br0", "br1"))]

    made = planned(tmp_path, specs)

    assert {"start Domain/one", "start Domain/two"} <= set(done(made))
    (note,) = (str(each).replace(f"{tmp_path}/specs.yaml:", "") for each in made.notes)
    assert note.startswith("10:")
    assert (
        "Domain/two and Domain/one have the same MAC address 52:54:00:00:00:33, but their network, bridge or device differs"
        in note
    )
    assert "(the other is at 5:" in note
    assert json.loads(render_json(made, RULES))["notes"][0]["todo"].startswith("if this is not intended")


@pytest.mark.case("35")
def test_creation_is_held_if_an_unmanaged_object_has_the_uuid(tmp_path: Path) -> None:
    made = planned(tmp_path, [guest("one", f"uuid: {UUID}")], [there("theirs", uuid=UUID)])

    assert done(made) == []
    assert {(h.hold, h.detail) for h in made.held} == {(Hold.CLAIM, f"Domain/theirs has the UUID {UUID}")}


def test_creation_is_held_for_an_unmanaged_object_despite_cached_comparisons(tmp_path: Path) -> None:
    here = made_up(tmp_path, [guest("one", f"uuid: {UUID}")], [there("theirs", uuid=UUID)])
    cache = ComparisonCache()
    first = plan(here, BY_NAME, cache=cache)

    assert plan(here, BY_NAME, cache=cache) == first
    assert next(held.hold for held in first.held) is Hold.CLAIM


@pytest.mark.case("35")
@pytest.mark.parametrize(
    ("spec", "xml"),
    [
        (
            "firmware: {type: efi, nvram: /n.fd}",
            "<os firmware='efi'><type>hvm</type><nvram>/n.fd</nvram></os>",
        ),
        (
            'xml: \'<domain><devices><tpm><backend type="emulator"><source path="/tpm"/></backend></tpm></devices></domain>\'',
            "<devices><tpm><backend type='emulator'><source path='/tpm'/></backend></tpm></devices>",
        ),
    ],
    ids=["NVRAM", "TPM state"],
)
def test_start_is_held_while_an_active_object_uses_the_same_state_files(
    tmp_path: Path, spec: str, xml: str
) -> None:
    has = there("theirs", active=True)
    has = replace(has, xml=has.xml.replace("<devices>", f"{xml}<devices>"))
    has = replace(has, live_xml=has.xml)

    made = planned(tmp_path, [guest("one", spec)], [has])

    assert done(made) == ["create Domain/one"]
    assert [(h.action.verb.name, h.hold) for h in made.held] == [("start", Hold.CLAIM)]


@pytest.mark.case("35")
def test_stopped_guests_can_swap_nvram_files(tmp_path: Path) -> None:
    files = ("/1.fd", "/2.fd")
    uuids = (UUID, UUID.replace("1", "3"))
    objects = [
        replace(
            there(name, uuid=uuid),
            xml=there(name, uuid=uuid).xml.replace(
                "<os><type>hvm</type></os>", f"<os firmware='efi'><type>hvm</type><nvram>{file}</nvram></os>"
            ),
        )
        for name, uuid, file in zip("ab", uuids, files, strict=True)
    ]
    specs = [
        guest(name, f"firmware: {{type: efi, nvram: {file}}}, adopt: true", "stopped")
        for name, file in zip("ba", files, strict=True)
    ]

    made = planned(tmp_path, specs, objects)

    assert {"define Domain/a", "define Domain/b"} <= set(done(made))
    assert made.held == ()


@pytest.mark.case("24")
def test_reason_of_a_hold_does_not_show_a_secret(tmp_path: Path) -> None:
    xml = f"<pool type='dir'><name>theirs</name><uuid>{UUID}</uuid><target><path>/srv/hidden</path></target></pool>"
    theirs = Actual(key=Key("StoragePool", "theirs"), uuid=UUID, xml=xml)
    spec = SPEC.format(kind="StoragePool", name="mine", spec="path: /srv/hidden/, secret: [target/path]")

    made = planned(tmp_path, [spec], [theirs])

    assert {(h.hold, h.detail) for h in made.held} == {
        (Hold.CLAIM, "StoragePool/theirs has the directory (secret)")
    }


@pytest.mark.case("37")
def test_edit_is_held_if_an_unmanaged_network_has_the_bridge(tmp_path: Path) -> None:
    xml = "<network><name>{0}</name><uuid>{1}</uuid><bridge name='{2}'/></network>"
    theirs, ours = (
        Actual(key=Key("Network", name), uuid=uuid, xml=xml.format(name, uuid, bridge))
        for name, uuid, bridge in (
            ("theirs", UUID, "virbr7"),
            ("mine", UUID.replace("1", "2"), "virbr1"),
        )
    )

    made = planned(tmp_path, [network("mine", "mode: isolated, bridge: virbr7, adopt: true")], [theirs, ours])

    assert "define Network/mine" not in done(made)
    assert (Hold.CLAIM, "Network/theirs has the bridge virbr7") in {(h.hold, h.detail) for h in made.held}


@pytest.mark.case("35")
def test_bridge_of_network_removed_first_can_be_reused(tmp_path: Path) -> None:
    xml = f"<network><name>old</name><uuid>{UUID}</uuid><bridge name='virbr7'/></network>"
    old = Key("Network", "old")
    was = Actual(key=old, uuid=UUID, xml=xml, ownership_mark=OwnershipMark("test", str(old), UUID))
    applied = Applied(old, UUID, "test", parse(xml), "")
    world = made_up(tmp_path, [network("new", "mode: isolated, bridge: virbr7")], [was])

    made = plan(replace(world, applied={old: applied}, prune={"Network": Prune.AUTO}), BY_NAME, Overrides())

    assert done(made) == ["remove Network/old", "create Network/new", "start Network/new"]
