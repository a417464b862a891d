"""Notes about devices that can never be hot-plugged into a new guest."""

import pytest

from kvmreconcile.kinds.domain.resources.hotplug_capacity import lacks, notes
from kvmreconcile.tree import parse

ROOMY = "<maxMemory>2</maxMemory><vcpu current='1'>2</vcpu>"
ROOT = "<controller type='pci' model='pcie-root'/>"
PORT = "<controller type='pci' model='pcie-root-port'/>"
BARE = "<controller type='usb' model='none'/><memballoon model='none'/>"
"""Turns off the devices that libvirt adds on its own."""
CARD = "<interface type='network'/>"


def lacking(devices: str, more: str = ROOMY) -> list[str]:
    return [
        each.partition(" (")[0]
        for each in lacks(parse(f"<domain>{more}<devices>{devices}</devices></domain>"))
    ]


def test_guest_created_without_hot_plug_capacity_has_one_note() -> None:
    (note,) = notes(parse("<domain><vcpu>2</vcpu></domain>"))

    assert note == (
        "no hot-plug capacity for memory (set memory.maximum), vCPUs (set vcpus.maximum above vcpus.count)"
    )


def test_guest_with_hot_plug_capacity_has_no_note() -> None:
    assert list(notes(parse(f"<domain>{ROOMY}<devices>{ROOT}{BARE}{PORT}</devices></domain>"))) == []


@pytest.mark.parametrize(
    "takes_it",
    [
        CARD,
        "<disk><target bus='virtio'/></disk>",
        "<hostdev type='pci'/>",
        "<rng model='virtio'/>",
        "<filesystem><driver type='virtiofs'/></filesystem>",
        "<controller type='scsi'/>",
        "<channel/>",
        "<controller type='virtio-serial'/><channel/>",
    ],
)
def test_card_that_occupies_the_last_free_port_leaves_no_capacity(takes_it: str) -> None:
    assert lacking(f"{ROOT}{BARE}{PORT}{takes_it}") == [
        "more than one PCI device, such as a disk or an interface"
    ]
    assert lacking(f"{ROOT}{BARE}{PORT}{PORT}{takes_it}") == []


@pytest.mark.parametrize(
    "beside",
    ["<disk><target bus='sata'/></disk>", "<hostdev type='usb'/>", "<serial/>", "<controller type='sata'/>"],
)
def test_device_that_is_not_a_card_occupies_no_port(beside: str) -> None:
    assert lacking(f"{ROOT}{BARE}{PORT}{beside}") == []


def test_devices_that_libvirt_adds_also_occupy_ports() -> None:
    assert lacking(f"{ROOT}{PORT}{PORT}") == ["more than one PCI device, such as a disk or an interface"]
    assert lacking(f"{ROOT}{PORT}{PORT}{PORT}") == []


def test_machine_with_conventional_pci_slots_needs_no_free_ports() -> None:
    assert lacking(f"<controller type='pci' model='pci-root'/>{CARD}") == []


def test_memory_and_vcpus_have_separate_hot_plug_capacity() -> None:
    assert lacking("", "<maxMemory>2</maxMemory><vcpu>2</vcpu>") == ["vCPUs"]
    assert lacking("", "<vcpu current='1'>2</vcpu>") == ["memory"]
