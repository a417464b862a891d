"""Disks that stand above the file that their spec names: the situations that no lab is needed for."""

import pytest

from kvmreconcile.kinds.domain.disk.relocation import follow, moves, strays
from kvmreconcile.model import Actual, Desired, Key, Policy
from kvmreconcile.tree import Node, parse

NAMED = "<disk type='file'><driver name='qemu' type='raw'/><source file='/a' startupPolicy='optional'/><target dev='vda'/></disk>"
ABOVE = (
    "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/b'/>"
    "<backingStore type='file'><source file='/a'/></backingStore><target dev='vda'/></disk>"
)
BESIDE = "<disk type='block'><source dev='/dev/c'/><target dev='vda'/></disk>"


def domain(*disks: str) -> Node:
    return parse(f"<domain><devices>{''.join(disks)}</devices></domain>")


def spec(tree: Node, *, copies: bool = False) -> Desired:
    return Desired(Key("Domain", "web1"), tree, policy=Policy(copies=copies))


def actual(disk: str, live: str | None = None) -> Actual:
    def xml(text: str) -> str:
        return f"<domain id='1'><devices>{text}</devices></domain>"

    return Actual(key=Key("Domain", "web1"), uuid="", xml=xml(disk), live_xml=live and xml(live))


VOLUMES = {
    "pool/a": "<volume><target><path>/a</path></target></volume>",
    "pool/b": "<volume><target><path>/b</path></target><backingStore><path>/a</path></backingStore></volume>",
    "pool/c": "<volume><target><path>/c</path></target></volume>",
    "images/new": "<volume><name>new</name></volume>",
}
POOLS = {"images": "<pool><target><path>/images</path></target></pool>"}
COPIED = "<disk type='file'><source file='/images/new'/><target dev='vda'/></disk>"
COPYING = NAMED.replace("<target", "<mirror job='copy'><source file='{}'/></mirror><target")


def lookup(key: Key) -> Node | None:
    found = VOLUMES if key.kind == "Volume" else POOLS
    return parse(found[key.name]) if key.name in found else None


def volume(name: str) -> str:
    return f"<disk type='volume'><source pool='pool' volume='{name}'/><target dev='vda'/></disk>"


def source(tree: Node) -> tuple[str | None, ...]:
    return tuple(
        tree.get(f"devices/disk/{at}") for at in ("@type", "source/@file", "source/@dev", "driver/@type")
    )


def test_disk_is_left_where_it_is_in_the_format_it_has() -> None:
    followed = follow(spec(domain(NAMED)), actual(ABOVE), None)

    assert source(followed) == ("file", "/b", None, "qcow2")
    assert followed.get("devices/disk/source/@startupPolicy") == "optional"


def test_disk_that_is_of_another_type_now_is_left_there_too() -> None:
    assert source(follow(spec(domain(NAMED)), actual(BESIDE), domain(NAMED))) == (
        "block",
        None,
        "/dev/c",
        "raw",
    )


@pytest.mark.parametrize(
    "disk", [NAMED, "<disk type='file' device='cdrom'><source file='/x'/><target dev='vda'/></disk>"]
)
def test_disk_where_it_should_be_and_a_medium_are_what_the_spec_says(disk: str) -> None:
    desired = domain(disk)

    assert follow(spec(desired), actual(NAMED), None) is desired


def test_disk_that_the_spec_moves_is_moved() -> None:
    desired = domain(NAMED.replace("/a", "/new"))

    assert follow(spec(desired), actual(ABOVE), domain(NAMED)) is desired


def test_disk_that_is_new_in_the_spec_is_left_where_it_is() -> None:
    assert source(follow(spec(domain(NAMED)), actual(ABOVE), domain()))[1] == "/b"


def test_domain_without_disks_is_as_it_is_said() -> None:
    desired = parse("<domain/>")

    assert follow(spec(desired), actual(NAMED), None) is desired


@pytest.mark.parametrize(
    ("named", "stands", "told"),
    [
        (NAMED, ABOVE, []),
        (NAMED, BESIDE, [("vda", "/dev/c", "/a")]),
        (NAMED.replace("file='/a'", "pool='pool' volume='a'"), ABOVE, []),
        (NAMED.replace("file='/a'", "pool='pool' volume='a'"), BESIDE, [("vda", "/dev/c", "/a")]),
        (NAMED.replace("file='/a'", "pool='pool' volume='gone'"), BESIDE, []),
    ],
)
def test_what_is_not_built_on_what_the_spec_names_went_astray(
    named: str, stands: str, told: list[tuple[str, str, str]]
) -> None:
    assert list(strays(spec(domain(named)), actual(stands, stands), None, lookup)) == told


@pytest.mark.parametrize(
    ("stands", "told"),
    [(BESIDE, []), (volume("b"), []), (volume("gone"), []), (volume("c"), [("vda", "/c", "/a")])],
)
def test_of_a_domain_that_is_off_only_volumes_are_known(
    stands: str, told: list[tuple[str, str, str]]
) -> None:
    assert list(strays(spec(domain(volume("a"))), actual(stands), None, lookup)) == told


def test_disk_that_waits_to_be_moved_did_not_go_astray() -> None:
    assert list(strays(spec(domain(NAMED)), actual(NAMED, BESIDE), None, lookup)) == []


TO_BE_MADE = "<disk type='volume'><source pool='images' volume='new'/><target dev='vda'/></disk>"


@pytest.mark.parametrize(
    ("runs", "copies", "told"),
    [
        (NAMED, True, ["devices/disk[vda]/source"]),
        (COPYING.format("/images/new"), True, ["devices/disk[vda]/source"]),
        (COPYING.format("/other"), True, []),
        (COPIED, True, []),
        (NAMED, False, []),
        (None, True, []),
    ],
)
def test_disk_goes_to_the_volume_it_is_given_while_it_runs_elsewhere_and_nobody_copies_it(
    runs: str | None, *, copies: bool, told: list[str]
) -> None:
    wanted = spec(domain(TO_BE_MADE), copies=copies)

    changes = list(moves(wanted, actual(NAMED, runs), lookup))

    assert [c.path for c in changes] == told
    assert all((c.old, c.new) == ("/a", "images/new") for c in changes)


def test_disk_that_is_to_be_copied_is_left_where_it_is_and_did_not_go_astray() -> None:
    wanted, has = spec(domain(TO_BE_MADE), copies=True), actual(NAMED, NAMED)

    assert source(follow(wanted, has, domain(NAMED)))[:2] == ("file", "/a")
    assert list(strays(wanted, has, domain(NAMED), lookup)) == []


@pytest.mark.parametrize("runs", [None, COPYING.format("/other")])
def test_disk_that_cannot_be_copied_now_is_told(runs: str | None) -> None:
    wanted = spec(domain(TO_BE_MADE.replace("'images' volume='new'", "'pool' volume='c'")), copies=True)
    stored = volume("a") if runs is None else NAMED

    assert list(strays(wanted, actual(stored, runs), None, lookup)) == [("vda", "/a", "/c")]


def test_disk_that_is_given_a_file_takes_it_at_the_next_start_as_ever() -> None:
    wanted = spec(domain(NAMED.replace("/a", "/new")), copies=True)

    assert follow(wanted, actual(NAMED, NAMED), domain(NAMED)) is wanted.tree
    assert list(moves(wanted, actual(NAMED, NAMED), lookup)) == []


def test_volume_of_a_pool_that_is_not_there_is_nowhere() -> None:
    wanted = spec(domain(volume("gone")), copies=True)

    assert list(moves(wanted, actual(NAMED, NAMED), lookup)) == []


@pytest.mark.case("7")
def test_disk_under_another_target_stays_above_the_snapshot_that_it_is_on() -> None:
    edited = domain(NAMED.replace("vda", "vdb"))

    followed = follow(spec(edited), actual(ABOVE), domain(NAMED))

    assert source(followed) == ("file", "/b", None, "qcow2")
    assert followed.get("devices/disk/target/@dev") == "vdb"
    assert list(strays(spec(edited), actual(ABOVE), domain(NAMED), lookup)) == []
    assert list(strays(spec(edited), actual(ABOVE, ABOVE), domain(NAMED), lookup)) == []
    # Once that is stored, the running one has the earlier target.
    stored = ABOVE.replace("vda", "vdb")
    assert source(follow(spec(edited), actual(stored, ABOVE), None)) == ("file", "/b", None, "qcow2")
