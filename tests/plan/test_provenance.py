"""Objects from sources of specs that were not read."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Key, OwnershipMark, Provenance, Prune, Root, SpecSource, World
from kvmreconcile.plan import Limit, Limits, Overrides
from tests.plan.worlds import done, held, planned, remembered, seen, wish, world

pytestmark = pytest.mark.case("54")

KEEP = wish("Domain/keep")
OLD = wish("Domain/old", '<domain><nic mac="1" network="lan"/></domain>')
LAN = wish("Network/lan")
HERE, THERE = SpecSource((Root("/srv/here"),)), SpecSource((Root("/srv/there"),))
WIDE = Limits(delete=Limit(1.0, 10))


def orphaned(*elsewhere: Key, prune: Prune = Prune.AUTO, all_sources: bool = False) -> World:
    """Return a world with one desired object, and two objects of ours without specs."""
    every = [KEEP, OLD, LAN]
    provenance = Provenance(HERE, HERE, dict.fromkeys(elsewhere, THERE), all_sources)
    words = dict.fromkeys(("Domain", "Network"), prune)
    return world([KEEP], map(seen, every), map(remembered, every), provenance=provenance, prune=words)


def test_objects_of_a_source_that_was_not_read_are_not_removed() -> None:
    made = planned(orphaned(OLD.key), limits=WIDE)

    assert done(made) == []
    # The other object is in use by an object that is kept.
    assert held(made) == [("remove Network/lan", "PROTECTED")]
    assert made.elsewhere == {"/srv/there": (OLD.key,)}


def test_approval_releases_no_removal_from_another_source() -> None:
    here = orphaned(OLD.key, LAN.key, prune=Prune.CONFIRM)
    made = planned(here)
    approved = planned(here, Overrides(approved=made.digest), WIDE)

    assert made.digest == planned(replace(here, applied={KEEP.key: here.applied[KEEP.key]})).digest
    assert approved.is_empty
    assert approved.elsewhere == {"/srv/there": (OLD.key, LAN.key)}


def test_objects_that_are_never_pruned_are_omitted_from_the_plan() -> None:
    made = planned(orphaned(OLD.key, LAN.key, prune=Prune.NEVER))

    assert (made.is_empty, made.elsewhere) == (True, {})


def test_with_all_sources_each_removal_names_its_source_and_needs_approval() -> None:
    here = orphaned(OLD.key, LAN.key, all_sources=True)
    made = planned(here, limits=WIDE)

    assert held(made) == [("remove Domain/old", "PRUNE"), ("remove Network/lan", "PRUNE")]
    assert [h.action.notes[0] for h in made.held] == [
        "its source of specs was not read, or only in part: /srv/there"
    ] * 2
    approved = planned(here, Overrides(approved=made.digest), WIDE)
    assert done(approved) == ["remove Domain/old", "remove Network/lan"]


def test_guest_from_a_source_that_was_not_read_is_not_renamed() -> None:
    disk = '<disk dev="a" pool="p" volume="v"/>'
    old, new = (wish(f"Domain/{name}", f"<domain><name>{name}</name>{disk}</domain>") for name in ("a", "b"))
    base = (wish("StoragePool/p"), wish("Volume/p/v", '<volume pool="p"><path>/p/v</path></volume>'))
    provenance = Provenance(HERE, HERE, {old.key: THERE})
    here = world([*base, new], map(seen, (*base, old)), map(remembered, (*base, old)), provenance=provenance)

    made = planned(here)

    assert held(made) == [("rename Domain/b", "RENAME")]
    assert (
        made.held[0].detail
        == "Domain/b may be Domain/a under a new name, but the source of Domain/a was not read, or only in part (/srv/there)"
    )
    every = replace(provenance, all_sources=True)
    assert done(planned(replace(here, provenance=every))) == ["rename Domain/b"]


@pytest.mark.parametrize(("known_as", "step"), [("a", "rename Domain/a"), ("c", "")])
def test_source_of_a_guest_renamed_by_another_tool_is_found_by_its_mark(known_as: str, step: str) -> None:
    disk = '<disk dev="a" pool="p" volume="v"/>'
    doc, now = (wish(f"Domain/{name}", f"<domain><name>{name}</name>{disk}</domain>") for name in ("a", "b"))
    base = (wish("StoragePool/p"), wish("Volume/p/v", '<volume pool="p"><path>/p/v</path></volume>'))
    there = replace(seen(now), ownership_mark=OwnershipMark("lab", f"Domain/{known_as}", now.creation.uuid))
    recorded = {key.key: HERE for key in base} | {doc.key: HERE, Key("Domain", "c"): THERE}
    provenance = Provenance(HERE, THERE, recorded)

    made = planned(
        world([*base, doc], [*map(seen, base), there], map(remembered, base), provenance=provenance)
    )

    assert done(made) == ([step] if step else [])
    assert bool(made.held) is not bool(step)


@pytest.mark.parametrize(
    ("whole", "part", "includes"),
    [
        ([("/a", "")], [("/a", "")], True),
        ([("/a", "")], [("/a/b.yaml", "")], True),
        ([("/a", "")], [("/ab", "")], False),
        ([("/a/b.yaml", "")], [("/a", "")], False),
        ([("/a", ""), ("/b", "")], [("/b/c", ""), ("/a", "")], True),
        ([("/a", "")], [("/a", ""), ("/b", "")], False),
        ([("/", "")], [("/a", "")], True),
        ([("/", "")], [("", "https://h/r.git")], False),
        ([("", "https://h/r.git")], [("hosts/a", "https://h/r.git")], True),
        ([("hosts/a", "https://h/r.git")], [("", "https://h/r.git")], False),
        ([("hosts", "https://h/r.git")], [("hosts", "https://h/other.git")], False),
        ([("/a", "")], [], False),
        ([], [], False),
    ],
)
def test_source_includes_another_if_it_contains_all_its_paths(
    whole: list[tuple[str, str]], part: list[tuple[str, str]], *, includes: bool
) -> None:
    one, other = (SpecSource(tuple(Root(*root) for root in roots)) for roots in (whole, part))

    assert one.includes(other) is includes


def test_object_keeps_its_source_unless_the_configured_source_is_read() -> None:
    whole, part = SpecSource((Root("/a"),)), SpecSource((Root("/a/b"),))

    assert Provenance(part, HERE, {OLD.key: whole}).to_record([OLD.key]) == {}
    assert Provenance(part, part, {OLD.key: whole}).to_record([OLD.key]) == {OLD.key: part}
    assert Provenance(part, whole).to_record([OLD.key]) == {OLD.key: whole}
    assert Provenance(whole, HERE, {OLD.key: part}).to_record([OLD.key]) == {OLD.key: whole}
