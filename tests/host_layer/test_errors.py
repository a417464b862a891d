"""The error class of each error of libvirt."""

import errno
from collections.abc import Iterator

import libvirt
import pytest

from kvmreconcile.errors import Busy, HostError, NoRoom, NotFound, Rejected, Unavailable, Unsupported
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.errors import ERROR_CLASSES, error_class, translated
from tests.mock import OWN


@pytest.fixture
def connection() -> Iterator[Connection]:
    with connect(OWN) as connection:
        yield connection


def test_vanished_object_is_not_found_and_keeps_code_and_domain(connection: Connection) -> None:
    with (
        pytest.raises(NotFound, match=r"^Domain/web1: Domain not found") as caught,
        translated("Domain/web1"),
    ):
        connection.virt.lookupByName("web1")

    assert caught.value.code == libvirt.VIR_ERR_NO_DOMAIN
    assert caught.value.domain == libvirt.VIR_FROM_TEST
    assert isinstance(caught.value.__cause__, libvirt.libvirtError)


@pytest.mark.parametrize(
    ("lookup", "code"),
    [
        (libvirt.virConnect.networkLookupByName, libvirt.VIR_ERR_NO_NETWORK),
        (libvirt.virConnect.storagePoolLookupByName, libvirt.VIR_ERR_NO_STORAGE_POOL),
        (libvirt.virConnect.storageVolLookupByKey, libvirt.VIR_ERR_NO_STORAGE_VOL),
    ],
)
def test_every_kind_has_a_not_found_error(connection: Connection, lookup, code: int) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotFound) as caught, translated("x"):
        lookup(connection.virt, "none")

    assert caught.value.code == code


def test_invalid_utf_8_from_libvirt_is_a_host_error() -> None:
    with (
        pytest.raises(HostError, match=r"^Domain/web1: .*not valid UTF-8") as caught,
        translated("Domain/web1"),
    ):
        b"<source file='/srv/\xff'/>".decode()

    assert not isinstance(caught.value, NotFound)


@pytest.mark.case("11b")
@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, NoRoom), (errno.EDQUOT, NoRoom), (errno.EACCES, HostError)]
)
def test_full_file_system_is_recognized_by_errno(number: int, kind: type[HostError]) -> None:
    error = libvirt.libvirtError("cannot write")
    text = "cannot write to stream: No space left on device"
    # code, domain, message, level, three texts, two numbers: what libvirt 9.0 answers for an upload
    error.err = (
        libvirt.VIR_ERR_SYSTEM_ERROR,
        libvirt.VIR_FROM_STREAMS,
        text,
        2,
        "%s",
        text,
        None,
        number,
        -1,
    )

    with pytest.raises(HostError) as caught, translated("Volume/small/root"):
        raise error

    assert type(caught.value) is kind


def test_schema_that_libvirt_cannot_load_is_busy() -> None:
    text = "internal error: Unable to parse RNG /usr/share/libvirt/schemas/network.rng: unsignedInt is not exported"
    error = libvirt.libvirtError(text)
    error.err = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_XML, text, 2, "%s", text, None, -1, -1)

    with pytest.raises(Busy, match=r"Network/lan: .*Unable to parse RNG"), translated("Network/lan"):
        raise error


def test_broken_xml_is_rejected(connection: Connection) -> None:
    with pytest.raises(Rejected) as caught, translated("x"):
        connection.virt.defineXML("<domain")

    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_feature_of_the_hypervisor_is_unsupported(connection: Connection) -> None:
    with pytest.raises(Unsupported), translated("x"):
        connection.virt.setKeepAlive(1, 1)


def test_code_without_a_row_is_a_plain_host_error(connection: Connection) -> None:
    with pytest.raises(HostError) as caught, translated("x"):
        connection.virt.lookupByName("test").create()

    assert type(caught.value) is HostError
    assert caught.value.code not in ERROR_CLASSES


def test_error_class_for_an_operation_takes_precedence(connection: Connection) -> None:
    with pytest.raises(Busy), translated("x", {libvirt.VIR_ERR_NO_DOMAIN: Busy}):
        connection.virt.lookupByName("web1")


@pytest.mark.parametrize("code", [libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_SYSTEM_ERROR])
def test_general_failure_is_a_lost_connection_only_in_the_transport(code: int) -> None:
    assert error_class(code, libvirt.VIR_FROM_RPC, {}) is Unavailable
    assert error_class(code, libvirt.VIR_FROM_REMOTE, {code: Busy}) is Unavailable
    assert error_class(code, libvirt.VIR_FROM_QEMU, {}) is HostError


def test_other_exceptions_are_not_translated() -> None:
    with pytest.raises(ZeroDivisionError), translated("x"):
        _ = 1 // 0


def test_only_error_codes_for_missing_objects_are_not_found() -> None:
    names = {value: name for name, value in vars(libvirt).items() if name.startswith("VIR_ERR_")}

    absent = {names[code] for code, kind in ERROR_CLASSES.items() if kind is NotFound}

    assert absent - {"VIR_ERR_DEVICE_MISSING"} == {name for name in absent if name.startswith("VIR_ERR_NO_")}
    assert "VIR_ERR_NO_CONNECT" not in absent
