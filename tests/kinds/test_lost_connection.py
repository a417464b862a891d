"""After a lost connection, reading the host raises no error of libvirt's own and reports nothing as absent."""

import pytest

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.tree import parse
from tests.mock import OWN

NAMES = {"StoragePool": "default-pool", "Network": "default", "Domain": "test", "Volume": "default-pool/one"}
DEFINITIONS = {
    "Domain": "<domain type='test'><name>test</name><os><type>hvm</type></os>"
    "<devices><interface type='bridge'><source bridge='br0'/></interface></devices></domain>",
    "Network": "<network><name>default</name><bridge name='virbr0'/><ip address='192.0.2.1' prefix='24'/></network>",
}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture
def lost() -> Connection:
    """A connection that libvirt has closed."""
    with connect(OWN) as connection:
        pass
    return connection


@each_kind
@pytest.mark.parametrize("is_named", [False, True], ids=["all", "one"])
def test_objects_are_unobservable_after_lost_connection(
    lost: Connection, kind: Kind, *, is_named: bool
) -> None:
    seen = kind.driver().observe(lost, names=[NAMES[kind.name]] if is_named else None)

    assert not seen.objects
    assert [unobservable.prefix for unobservable in seen.unobservable] == [f"{kind.name}/"]
    assert seen.unobservable[0].lost


@each_kind
def test_no_file_is_reported_as_missing_after_lost_connection(lost: Connection, kind: Kind) -> None:
    tree = parse(DEFINITIONS.get(kind.name, "<pool/>"))

    assert not list(kind.lacks(lost)(tree, runs=True))


def test_versions_are_unknown_after_lost_connection(lost: Connection) -> None:
    with pytest.raises(HostError):
        lost.embedded()
