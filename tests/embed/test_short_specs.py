"""Adopted specs are short, even for devices with several lines of XML."""

import pytest

from kvmreconcile.cli.yaml_writer import write_document
from kvmreconcile.kinds.domain import KIND
from kvmreconcile.model import Actual
from tests.embed.embedded import Embedded, make_desired

COMPANIONS = "".join(
    f"<controller type='usb' model='ich9-{model}'>{master}</controller>"
    for model, master in (
        ("ehci1", ""),
        ("uhci1", "<master startport='0'/>"),
        ("uhci2", "<master startport='2'/>"),
        ("uhci3", "<master startport='4'/>"),
    )
)
DISK = "<disk type='file'><driver name='qemu' type='raw'/><source file='/i/vi.img'/><target dev='vda' bus='virtio'/></disk>"
NIC = "<interface type='bridge'><mac address='52:54:00:00:00:55'/><source bridge='br0'/><model type='virtio'/></interface>"
SOUNDS = "<sound model='ich9'/><sound model='ac97'/>"
RNGS = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>" * 2
EMPTY = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"


@pytest.mark.case("31")
@pytest.mark.parametrize(
    ("devices", "most"),
    [
        pytest.param(COMPANIONS, 40, id="USB companions"),
        pytest.param(SOUNDS, 25, id="two sound cards"),
        pytest.param(RNGS, 25, id="two random number generators"),
        pytest.param(EMPTY, 25, id="an empty drive"),
    ],
)
def test_adopted_spec_is_short_and_in_sync(hypervisor: Embedded, devices: str, most: int) -> None:
    key = hypervisor.define(
        "<domain type='qemu'><name>comp</name><memory unit='MiB'>64</memory><os><type machine='pc-q35-7.2'>hvm</type>"
        f"<boot dev='hd'/></os><features><acpi/><apic/></features><devices>{DISK}{devices}{NIC}</devices></domain>"
    )
    actual = hypervisor.observed().objects[key]
    assert isinstance(actual, Actual)

    fields = KIND.adopt(actual)

    text = write_document({"spec": fields})
    assert len(text.splitlines()) <= most, text
    assert "<uuid>" not in text
    adopted = make_desired(key.name, {**fields, "adopt": True})
    hypervisor.apply(adopted, hypervisor.plan(adopted))
    assert hypervisor.plan(adopted).is_empty
