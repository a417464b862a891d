"""Where a volume is used."""

import pytest

from kvmreconcile.kinds.volume import KIND
from kvmreconcile.kinds.volume.usage import Place, disks, refers_to
from kvmreconcile.model import Key
from kvmreconcile.tree import Node, parse

PLACE = Place("default", "root", "/srv/root")


@pytest.mark.parametrize(
    ("xml", "is_used"),
    [
        ("<disk><source file='/srv/root'/></disk>", True),
        ("<disk><source dev='/srv/root'/></disk>", True),
        ("<disk><source pool='default' volume='root'/></disk>", True),
        ("<disk><source file='/srv/a'/><backingStore><source file='/srv/root'/></backingStore></disk>", True),
        ("<disk><mirror><source file='/srv/root'/></mirror></disk>", True),
        ("<os><kernel>/srv/root</kernel></os>", True),
        ("<disk><source file='/srv/root2'/></disk>", False),
        ("<disk><source pool='other' volume='root'/></disk>", False),
        ("<disk><source volume='root'/></disk>", False),
    ],
)
def test_volume_is_used_however_it_is_named(xml: str, *, is_used: bool) -> None:
    assert refers_to(parse(xml), PLACE) is is_used


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (None, {"Volume/default/root"}),
        ("<pool type='dir'><target><path>/srv</path></target></pool>", {"Volume/default/root", "/srv/root"}),
        (
            "<pool type='logical'><source><name>vg</name></source><target><path>/dev/vg</path></target></pool>",
            {"Volume/default/root", "/dev/vg/root"},
        ),
        (
            "<pool type='rbd'><source><name>images</name></source></pool>",
            {"Volume/default/root", "images/root"},
        ),
    ],
)
def test_volume_is_named_by_its_pool_and_its_path_whether_or_not_it_exists(
    pool: str | None, expected: set[str]
) -> None:
    def lookup(key: Key) -> Node | None:
        return parse(pool) if pool and key == Key("StoragePool", "default") else None

    assert KIND.data
    assert set(KIND.data.names(Key("Volume", "default/root"), lookup)) == expected


def test_names_of_a_disk_of_another_kind_are_those_of_a_volume() -> None:
    disk = parse("<disk type='network'><source protocol='rbd' name='images/root'/></disk>")

    assert KIND.data
    assert "images/root" in set(KIND.data.named(disk))


def test_volume_names_what_it_is_built_on_and_not_itself() -> None:
    volume = parse(
        "<volume pool='default'><key>/srv/over</key><target><path>/srv/over</path></target>"
        "<backingStore pool='default' volume='root'><path>/srv/root</path></backingStore></volume>"
    )

    assert KIND.data
    assert set(KIND.data.named(volume)) == {"/srv/root", "Volume/default/root"}
    assert set(KIND.data.named(volume.without("backingStore"))) == set()


def test_only_disks_of_which_it_is_the_topmost_image_are_listed() -> None:
    domain = parse("""
        <domain><devices>
          <disk><source file='/srv/root'/><target dev='vda'/></disk>
          <disk><source pool='default' volume='root'/><target dev='vdb'/></disk>
          <disk><source file='/srv/a'><x file='/srv/root'/></source><target dev='vdc'/>
            <backingStore><source file='/srv/root'/></backingStore></disk>
          <disk><target dev='sda'/></disk>
        </devices></domain>""")

    assert list(disks(domain, PLACE)) == ["vda", "vdb"]
