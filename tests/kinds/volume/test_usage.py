"""References to a volume."""

import pytest

from kvmreconcile.kinds.volume import KIND
from kvmreconcile.kinds.volume.usage import VolumeNames, find_targets, refers_to
from kvmreconcile.model import Key
from kvmreconcile.tree import Node, parse

PLACE = VolumeNames("default", "root", "/srv/root")


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
def test_user_of_volume_is_found_by_any_name_of_the_volume(xml: str, *, is_used: bool) -> None:
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
def test_volume_names_are_pool_and_path_even_if_absent(pool: str | None, expected: set[str]) -> None:
    def lookup(key: Key) -> Node | None:
        return parse(pool) if pool and key == Key("StoragePool", "default") else None

    assert KIND.data
    assert set(KIND.data.names(Key("Volume", "default/root"), lookup)) == expected


def test_source_attributes_of_other_disk_types_are_not_volume_names() -> None:
    disk = parse("<disk type='network'><source protocol='rbd' name='images/root'/></disk>")

    assert KIND.data
    assert "images/root" in set(KIND.data.named(disk))


def test_volume_references_its_backing_volume_but_not_itself() -> None:
    volume = parse(
        "<volume pool='default'><key>/srv/over</key><target><path>/srv/over</path></target>"
        "<backingStore pool='default' volume='root'><path>/srv/root</path></backingStore></volume>"
    )

    assert KIND.data
    assert set(KIND.data.named(volume)) == {"/srv/root", "Volume/default/root"}
    assert set(KIND.data.named(volume.without("backingStore"))) == set()


def test_only_disks_with_the_volume_as_active_image_are_listed() -> None:
    domain = parse("""
        <domain><devices>
          <disk><source file='/srv/root'/><target dev='vda'/></disk>
          <disk><source pool='default' volume='root'/><target dev='vdb'/></disk>
          <disk><source file='/srv/a'><x file='/srv/root'/></source><target dev='vdc'/>
            <backingStore><source file='/srv/root'/></backingStore></disk>
          <disk><target dev='sda'/></disk>
        </devices></domain>""")

    assert list(find_targets(domain, PLACE)) == ["vda", "vdb"]
