"""Where a volume is used."""

import pytest

from kvmreconcile.kinds.volume.usage import Place, disks, mentions
from kvmreconcile.tree import parse

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
    assert mentions(parse(xml), PLACE) is is_used


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
