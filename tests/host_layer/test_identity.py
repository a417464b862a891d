"""A host is identified by a persistent UUID and by the driver that manages its objects."""

from pathlib import Path

import pytest

from kvmreconcile.host import identity
from kvmreconcile.host.connection import connect
from kvmreconcile.host.identity import host_id
from kvmreconcile.model import HostId
from tests.mock import OWN

MACHINE_ID = "0123456789abcdef0123456789abcdef"
SPELLED = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an ID, whose firmware gives no UUID."""
    file = tmp_path / "machine-id"
    file.write_text(f"{MACHINE_ID}\n")
    monkeypatch.setattr(identity, "MACHINE_ID", file)
    monkeypatch.setattr(identity, "FIRMWARE_UUID", tmp_path / "absent")
    return file


REPORTED = "aaaaaaaa-0000-0000-0000-000000000001"


def test_host_without_a_libvirt_uuid_is_identified_by_its_machine_id() -> None:
    with connect("test:///default") as connection:
        assert connection.identify() == HostId(SPELLED, "test:///default")


def test_two_drivers_on_one_host_have_different_identities() -> None:
    with connect("test:///default") as one, connect(OWN) as other:
        assert one.identify().uuid == other.identify().uuid
        assert one.identify() != other.identify()


@pytest.mark.parametrize("text", ["", "uninitialized\n", "\udcff"])
def test_uuid_is_unknown_on_a_machine_without_an_id(machine: Path, text: str) -> None:
    machine.write_bytes(text.encode("utf-8", "surrogateescape"))

    with connect("test:///default") as connection:
        assert connection.identify() == HostId("", "test:///default")
        assert str(connection.identify()) == "host UUID unknown (test:///default)"


def test_uuid_reported_by_libvirt_is_used_without_a_machine_id(machine: Path) -> None:
    machine.unlink()

    assert host_id("qemu:///system", REPORTED).uuid == REPORTED


@pytest.mark.parametrize(
    ("uri", "firmware", "expected"),
    [
        ("qemu:///system", "", HostId(REPORTED, "qemu:///system")),
        ("qemu+unix:///system", "", HostId(REPORTED, "qemu:///system")),
        ("qemu:///system", "absent", HostId(SPELLED, "qemu:///system")),
        ("qemu:///session", "", HostId(SPELLED, "qemu:///session")),
        ("qemu:///embed?root=/srv/x", "", HostId(SPELLED, "qemu:///embed?root=/srv/x")),
        ("qemu+ssh://root@kvm1/system", "absent", HostId(REPORTED, "qemu:///system")),
        ("qemu+unix:///system?socket=/run/other/sock", "absent", HostId(REPORTED, "qemu:///system")),
    ],
)
def test_random_uuid_of_libvirt_is_not_used(
    uri: str, firmware: str, expected: HostId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "FIRMWARE_UUID", tmp_path / firmware)

    assert host_id(uri, REPORTED) == expected


def test_libvirt_is_queried_once_per_connection() -> None:
    with connect(OWN) as connection:
        assert connection.identify() is connection.identify()
