"""Disks whose current source is above the one in their spec: the situations that need no lab."""

import pytest

from kvmreconcile.kinds.domain import KIND
from kvmreconcile.model import Actual, Desired, DivergedSource, Key, LiveChanges, Policy
from kvmreconcile.tree import Node, parse

# By the kind, which would lack them without notice to any other fast test.
assert KIND.relocation
keep_sources = KIND.relocation.keep_sources
find_diverged, find_migrations = KIND.relocation.find_diverged, KIND.relocation.find_migrations

NAMED = "<disk type='file'><driver name='qemu' type='raw'/><source file='/a' startupPolicy='optional'/><target dev='vda'/></disk>"
ABOVE = (
    "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/b'/>"
    "<backingStore type='file'><source file='/a'/></backingStore><target dev='vda'/></disk>"
)
BESIDE = "<disk type='block'><source dev='/dev/c'/><target dev='vda'/></disk>"


def domain(*disks: str) -> Node:
    return parse(f"<domain><devices>{''.join(disks)}</devices></domain>")


def spec(tree: Node, *, copies: bool = False) -> Desired:
    return Desired(Key("Domain", "web1"), tree, policy=Policy(live=LiveChanges(copies=copies)))


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


def test_disk_keeps_its_current_source_and_format() -> None:
    followed = keep_sources(spec(domain(NAMED)), actual(ABOVE), None)

    assert source(followed) == ("file", "/b", None, "qcow2")
    assert followed.get("devices/disk/source/@startupPolicy") == "optional"


def test_disk_keeps_its_current_source_of_another_type() -> None:
    assert source(keep_sources(spec(domain(NAMED)), actual(BESIDE), domain(NAMED))) == (
        "block",
        None,
        "/dev/c",
        "raw",
    )


@pytest.mark.parametrize(
    "disk", [NAMED, "<disk type='file' device='cdrom'><source file='/x'/><target dev='vda'/></disk>"]
)
def test_unmoved_disk_and_removable_medium_use_the_source_in_the_spec(disk: str) -> None:
    desired = domain(disk)

    assert keep_sources(spec(desired), actual(NAMED), None) is desired


def test_disk_whose_source_is_edited_gets_the_new_source() -> None:
    desired = domain(NAMED.replace("/a", "/new"))

    assert keep_sources(spec(desired), actual(ABOVE), domain(NAMED)) is desired


def test_disk_that_is_added_to_the_spec_keeps_its_current_source() -> None:
    assert source(keep_sources(spec(domain(NAMED)), actual(ABOVE), domain()))[1] == "/b"


def test_spec_of_domain_without_disks_is_unchanged() -> None:
    desired = parse("<domain/>")

    assert keep_sources(spec(desired), actual(NAMED), None) is desired


@pytest.mark.parametrize(
    ("named", "current", "diverged"),
    [
        (NAMED, ABOVE, []),
        (NAMED, BESIDE, [DivergedSource("vda", "/dev/c", "/a")]),
        (NAMED.replace("file='/a'", "pool='pool' volume='a'"), ABOVE, []),
        (
            NAMED.replace("file='/a'", "pool='pool' volume='a'"),
            BESIDE,
            [DivergedSource("vda", "/dev/c", "/a")],
        ),
        (NAMED.replace("file='/a'", "pool='pool' volume='gone'"), BESIDE, []),
    ],
)
def test_disk_that_is_not_based_on_the_source_in_its_spec_has_diverged(
    named: str, current: str, diverged: list[DivergedSource]
) -> None:
    assert list(find_diverged(spec(domain(named)), actual(current, current), None, lookup)) == diverged


@pytest.mark.parametrize(
    ("current", "diverged"),
    [
        (BESIDE, []),
        (volume("b"), []),
        (volume("gone"), []),
        (volume("c"), [DivergedSource("vda", "/c", "/a")]),
    ],
)
def test_only_disks_on_volumes_can_diverge_in_a_stopped_domain(
    current: str, diverged: list[DivergedSource]
) -> None:
    assert list(find_diverged(spec(domain(volume("a"))), actual(current), None, lookup)) == diverged


def test_disk_whose_new_source_takes_effect_at_the_next_start_has_not_diverged() -> None:
    assert list(find_diverged(spec(domain(NAMED)), actual(NAMED, BESIDE), None, lookup)) == []


TO_BE_MADE = "<disk type='volume'><source pool='images' volume='new'/><target dev='vda'/></disk>"


@pytest.mark.parametrize(
    ("runs", "copies", "paths"),
    [
        (NAMED, True, ["devices/disk[vda]/source"]),
        (COPYING.format("/images/new"), True, ["devices/disk[vda]/source"]),
        (COPYING.format("/other"), True, []),
        (COPIED, True, []),
        (NAMED, False, []),
        (None, True, []),
    ],
)
def test_disk_is_migrated_unless_it_is_on_the_new_volume_or_another_copy_runs(
    runs: str | None, *, copies: bool, paths: list[str]
) -> None:
    wanted = spec(domain(TO_BE_MADE), copies=copies)

    changes = list(find_migrations(wanted, actual(NAMED, runs), lookup))

    assert [c.path for c in changes] == paths
    assert all((c.old, c.new) == ("/a", "images/new") for c in changes)


def test_disk_that_waits_for_a_copy_keeps_its_source_and_has_not_diverged() -> None:
    wanted, has = spec(domain(TO_BE_MADE), copies=True), actual(NAMED, NAMED)

    assert source(keep_sources(wanted, has, domain(NAMED)))[:2] == ("file", "/a")
    assert list(find_diverged(wanted, has, domain(NAMED), lookup)) == []


@pytest.mark.parametrize("runs", [None, COPYING.format("/other")])
def test_disk_that_cannot_be_copied_now_is_reported_as_diverged(runs: str | None) -> None:
    wanted = spec(domain(TO_BE_MADE.replace("'images' volume='new'", "'pool' volume='c'")), copies=True)
    stored = volume("a") if runs is None else NAMED

    assert list(find_diverged(wanted, actual(stored, runs), None, lookup)) == [
        DivergedSource("vda", "/a", "/c")
    ]


def test_disk_with_a_new_file_instead_of_a_volume_is_not_copied() -> None:
    wanted = spec(domain(NAMED.replace("/a", "/new")), copies=True)

    assert keep_sources(wanted, actual(NAMED, NAMED), domain(NAMED)) is wanted.tree
    assert list(find_migrations(wanted, actual(NAMED, NAMED), lookup)) == []


def test_disk_is_not_migrated_to_a_volume_of_a_missing_pool() -> None:
    wanted = spec(domain(volume("gone")), copies=True)

    assert list(find_migrations(wanted, actual(NAMED, NAMED), lookup)) == []


@pytest.mark.case("7")
def test_disk_with_edited_target_keeps_the_overlay_of_its_snapshot() -> None:
    edited = domain(NAMED.replace("vda", "vdb"))

    followed = keep_sources(spec(edited), actual(ABOVE), domain(NAMED))

    assert source(followed) == ("file", "/b", None, "qcow2")
    assert followed.get("devices/disk/target/@dev") == "vdb"
    assert list(find_diverged(spec(edited), actual(ABOVE), domain(NAMED), lookup)) == []
    assert list(find_diverged(spec(edited), actual(ABOVE, ABOVE), domain(NAMED), lookup)) == []
    # Once that is stored, the running definition has the earlier target.
    stored = ABOVE.replace("vda", "vdb")
    assert source(keep_sources(spec(edited), actual(stored, ABOVE), None)) == ("file", "/b", None, "qcow2")
