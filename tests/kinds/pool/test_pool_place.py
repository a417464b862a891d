"""The place of a pool's volumes, and the edits that change it."""

import pytest

from kvmreconcile.kinds.pool import KIND
from kvmreconcile.tree import parse

NFS = (
    "<pool type='netfs'><source><host name='nfs1'/><dir path='/export'/></source>"
    "<target><path>/mnt</path></target></pool>"
)


@pytest.mark.parametrize(
    ("xml", "place"),
    [
        ("<pool><target><path>/srv</path></target></pool>", "/srv"),
        ("<pool type='dir'><target><path>/srv</path></target></pool>", "/srv"),
        ("<pool type='dir'/>", ""),
        (NFS, "netfs nfs1: /export"),
        ("<pool type='fs'><source><device path='/dev/sdb1'/></source></pool>", "fs /dev/sdb1"),
        ("<pool type='logical'><source><name>vg</name></source></pool>", "logical vg"),
        ("<pool type='scsi'><source><adapter name='host1'/></source></pool>", "scsi host1"),
        ("<pool type='zfs'/>", "zfs"),
    ],
)
def test_text_for_place_of_volumes_is_the_target_directory_or_the_source(xml: str, place: str) -> None:
    assert KIND.place(parse(xml)) == place


@pytest.mark.case("4b")
def test_changed_mount_point_of_a_netfs_pool_keeps_its_volumes() -> None:
    assert KIND.place(parse(NFS)) == KIND.place(parse(NFS.replace("/mnt", "/srv")))
    assert KIND.place(parse(NFS)) != KIND.place(parse(NFS.replace("/export", "/other")))
