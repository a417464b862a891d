"""Host components that a definition needs, and those that libvirt does not find."""

from pathlib import Path

import pytest

from kvmreconcile.kinds.domain.calls.host_parts import is_virtiofsd_missing
from kvmreconcile.kinds.domain.devices.filesystem import needs_virtiofsd
from kvmreconcile.kinds.domain.host_parts import (
    PARTS,
    is_missing,
    needed,
    needed_files,
    needed_links,
)
from kvmreconcile.kinds.domain.section import HostPart
from kvmreconcile.tree import Node, make, parse


def domain(part: HostPart) -> Node:
    """Return a definition that needs a part."""
    elements, _, attribute = part.where.rpartition("/@")
    *outer, last = elements.split("/")
    node = make(last, {attribute: part.value})
    for tag in reversed(outer):
        node = make(tag, children=(node,))
    return make("domain", children=(node,))


def capabilities(part: HostPart, *values: str, supported: str = "yes") -> Node:
    """Return domain capabilities with a list."""
    listed = make("enum", {"name": part.listed}, children=tuple(make("value", text=v) for v in values))
    tags = part.element.split("/")
    node = make(tags[-1], {"supported": supported}, children=(listed,))
    for tag in reversed(tags[:-1]):
        node = make(tag, children=(node,))
    return make("domainCapabilities", children=(node,))


@pytest.mark.case("38g")
@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.where}={part.value}")
def test_component_that_libvirt_does_not_list_is_missing(part: HostPart) -> None:
    assert part in needed(domain(part))
    assert is_missing(part, capabilities(part, "other"))
    assert is_missing(part, capabilities(part))
    assert is_missing(part, capabilities(part, supported="no"))
    assert not is_missing(part, capabilities(part, "other", part.value))


@pytest.mark.parametrize(
    "said", ["<domainCapabilities/>", "<domainCapabilities><os supported='yes'/></domainCapabilities>"]
)
def test_component_for_which_libvirt_has_no_list_is_not_missing(said: str) -> None:
    assert not is_missing(PARTS[0], parse(said))


def test_plain_domain_needs_no_components() -> None:
    plain = "<os/><devices><tpm><backend type='passthrough'/></tpm><graphics type='vnc'/><channel type='unix'/></devices>"

    assert not list(needed(parse(f"<domain>{plain}</domain>")))


@pytest.mark.parametrize(
    ("inside", "needs"),
    [
        ("<driver type='virtiofs'/>", True),
        ("<driver type='virtiofs'/><binary path='/opt/virtiofsd'/>", False),
        ("<driver type='virtiofs'/><source socket='/run/share.sock'/>", False),
        ("<driver type='path'/>", False),
    ],
)
def test_virtiofsd_is_needed_if_libvirt_has_to_find_it(inside: str, needs: object) -> None:
    share = f"<domain><devices><filesystem>{inside}</filesystem></devices></domain>"

    assert needs_virtiofsd(parse(share)) is needs


FS, GPU = '{"type": "fs", "binary": "/usr/libexec/virtiofsd"}', '{"type": "gpu"}'


@pytest.mark.case("38g")
@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({}, False),
        ({"share/bios.bin": ""}, True),
        ({"share/vhost-user/50-gpu.json": GPU}, True),
        ({"share/vhost-user/50-virtiofsd.json": FS}, False),
        ({"share/bios.bin": "", "etc/vhost-user/10-own.json": FS}, False),
        ({"share/vhost-user/50-virtiofsd.json": "half of a fi"}, False),
    ],
)
def test_virtiofsd_is_missing_if_qemu_is_installed_and_no_description_exists(
    files: dict[str, str], missing: object, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    assert is_virtiofsd_missing(tmp_path / "share", tmp_path / "etc") is missing


@pytest.mark.case("38g")
def test_needed_files_are_files_required_to_start_the_domain() -> None:
    domain = parse(
        "<domain><os><loader>/fw.fd</loader><nvram template='/vars.fd'>/own.fd</nvram><kernel>/k</kernel></os><devices>"
        "<disk><source file='/a.raw'/><backingStore><source file='/base.raw'/></backingStore></disk>"
        "<disk><source file='/optional.iso' startupPolicy='optional'/></disk><disk><source dev='/dev/sda'/></disk>"
        "<filesystem><source dir='/share'/></filesystem></devices></domain>"
    )

    assert list(needed_files(domain)) == [
        ("/a.raw", "image"),
        ("/base.raw", "backing image"),
        ("/share", "directory"),
        ("/fw.fd", "firmware"),
        ("/k", "kernel"),
    ]


@pytest.mark.case("38g")
def test_needed_network_devices_exclude_devices_that_libvirt_creates() -> None:
    domain = parse(
        "<domain><devices><interface type='bridge'><source bridge='br0'/></interface>"
        "<interface type='direct'><source dev='eth0'/></interface>"
        "<interface type='network'><source network='lan' bridge='virbr0'/></interface>"
        "<interface type='user'/></devices></domain>"
    )

    assert list(needed_links(domain)) == [("br0", "bridge"), ("eth0", "network device")]
