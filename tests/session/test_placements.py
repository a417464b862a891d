"""What was placed on another host is remembered until it is created here, or is known to have stayed here."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Actual, Desired, Key, Observation, World
from kvmreconcile.session.placements import Placements, owned_by
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.state import State
from tests.plan.worlds import remembered, seen, wish, world

WEB, DISK = wish("Domain/web"), wish("Volume/p/web", '<volume pool="p"/>')
SET = Key("DomainSet", "web")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State.open(tmp_path)
    yield opened
    opened.close()


def specs(*here: str, **elsewhere: str) -> Loaded:
    desired = {wish(name).key: wish(name) for name in here}
    placed = {Key("Domain", name): where for name, where in elsewhere.items()}
    return Loaded((), desired, (), frozenset(), complete=True, elsewhere=placed)


def observed(*objects: Actual) -> Observation:
    return Observation({each.key: each for each in objects})


def placements(state: State) -> Placements:
    return Placements(state, {kind.name: kind for kind in KINDS})


def after(elsewhere: dict[Key, str], moved_here: dict[Key, str], *here: Desired) -> World:
    return world(here, elsewhere=elsewhere, moved_here=moved_here)


def test_object_that_was_placed_elsewhere_has_moved_here(state: State) -> None:
    found = placements(state)
    found.record(after({WEB.key: "kvm1"}, {}))

    assert found.moved_here(specs("Domain/web"), observed(), {}) == {WEB.key: "kvm1"}
    assert found.moved_here(specs(), observed(), {}) == {}


def test_move_is_remembered_until_its_steps_begin(state: State) -> None:
    found = placements(state)
    found.record(after({WEB.key: "kvm1"}, {}))

    found.record(after({}, {WEB.key: "kvm1"}, WEB))
    assert found.moved_here(specs("Domain/web"), observed(), {}) == {WEB.key: "kvm1"}
    found.record(after({}, {WEB.key: "kvm1"}, WEB), {WEB.key})
    assert found.moved_here(specs("Domain/web"), observed(), {}) == {}


def test_move_is_remembered_while_the_spec_is_unreadable_or_not_read(state: State) -> None:
    found = placements(state)
    found.record(after({WEB.key: "kvm1"}, {}))

    found.record(after({}, {}, wish("Domain/other")))

    assert found.moved_here(specs("Domain/web"), observed(), {}) == {WEB.key: "kvm1"}


def test_move_is_forgotten_once_the_guest_is_known_to_have_stayed(state: State) -> None:
    found = placements(state)
    found.record(after({WEB.key: "kvm1"}, {}))

    found.record(after({}, {}, WEB))

    assert state.elsewhere.all() == {}


def test_object_of_a_set_that_was_placed_elsewhere_has_moved_even_if_the_set_did_not_generate_it(
    state: State,
) -> None:
    found, member = placements(state), replace(WEB, owner=SET)
    found.record(after({SET: "kvm1"}, {}))
    loaded = Loaded((), {WEB.key: member}, (), frozenset(), complete=True)

    moved = found.moved_here(loaded, observed(), {})
    found.record(after({}, moved, member))

    assert moved == {WEB.key: "kvm1"}
    assert state.elsewhere.all() == {WEB.key: "kvm1"}


def test_guest_that_runs_here_has_not_moved(state: State) -> None:
    found = placements(state)
    found.record(after({WEB.key: "kvm1"}, {}))

    running, off = observed(seen(WEB, live="<domain/>")), observed(seen(WEB))

    assert found.moved_here(specs("Domain/web"), running, {WEB.key: remembered(WEB)}) == {}
    assert found.moved_here(specs("Domain/web"), off, {WEB.key: remembered(WEB)}) == {WEB.key: "kvm1"}


def test_volume_that_this_host_manages_has_not_moved(state: State) -> None:
    found = placements(state)
    found.record(after({DISK.key: "kvm1"}, {}))

    assert found.moved_here(specs("Volume/p/web"), observed(seen(DISK)), {DISK.key: remembered(DISK)}) == {}
    assert found.moved_here(specs("Volume/p/web"), observed(seen(DISK)), {}) == {DISK.key: "kvm1"}


def test_objects_of_a_set_for_another_host_are_elsewhere_even_if_the_set_is_invalid(state: State) -> None:
    loaded = Loaded((), {}, (), frozenset(), complete=True, elsewhere={SET: "kvm2"})

    assert placements(state).elsewhere(loaded, {WEB.key: SET}) == {SET: "kvm2", WEB.key: "kvm2"}


def test_objects_of_a_frozen_owner_are_frozen() -> None:
    assert owned_by({SET}, {WEB.key: SET, DISK.key: Key("DomainSet", "db")}) == {WEB.key}
