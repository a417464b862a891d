"""Addresses of new disks on a bus where libvirt derives them from targets (compared with libvirt in tests/embed)."""

from itertools import islice

from kvmreconcile.kinds.domain.disk.drive_address import placed, targets
from kvmreconcile.tree import Node, parse

UNIT = "<address type='drive' controller='0' bus='0' target='0' unit='{}'/>"


def units(*disks: str) -> list[str | None]:
    return [d.get("address/@unit") for d in placed([parse(text) for text in disks])]


def disk(target: str, bus: str = "sata", unit: int | str | None = None) -> str:
    address = "" if unit is None else UNIT.format(unit)
    return f"<disk><target dev='{target}' bus='{bus}'/>{address}</disk>"


def test_new_disk_gets_the_first_free_address() -> None:
    assert units(disk("sdb", unit=0), disk("sda")) == ["0", "1"]
    assert units(disk("sdb", unit=0), disk("sdc", unit=1), disk("sda"), disk("sdd")) == ["0", "1", "2", None]
    assert units(disk("sda"), disk("sdb", unit=0), disk("sdc", unit=2)) == ["1", "0", "2"]


def test_two_new_disks_get_different_addresses() -> None:
    assert units(disk("sdz", unit=0), disk("sda"), disk("sdb")) == ["0", "2", None]


def test_disk_gets_no_address_if_libvirt_derives_a_free_one_or_none() -> None:
    assert units(disk("sda"), disk("sdb")) == [None, None]
    assert units(disk("sdb", "scsi", unit=0), disk("sda", "sata")) == ["0", None]
    assert units(disk("vdb", "virtio", unit=0), disk("vda", "virtio")) == ["0", None]
    assert units(disk("sdb", unit=0), disk("sd1"), disk("sd")) == ["0", None, None]
    assert units("<interface/>", "<controller><address type='pci'/></controller>", disk("sda")) == [None] * 3


def test_invalid_address_is_left_for_libvirt_to_reject() -> None:
    assert units(disk("sdb", unit="x"), disk("sda")) == ["x", None]


def test_assigned_address_has_all_attributes() -> None:
    (_, new) = placed([parse(disk("hdb", "ide", 0)), parse(disk("hda", "ide"))])

    assert new.child("address") == Node(
        "address", (("bus", "0"), ("controller", "0"), ("target", "0"), ("type", "drive"), ("unit", "1"))
    )


def test_targets_are_counted_as_libvirt_does() -> None:
    assert list(islice(targets("vd"), 25, 28)) == ["vdz", "vdaa", "vdab"]
