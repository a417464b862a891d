"""The content of an object is checked once, and again after a possible change."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kvmreconcile.host.endpoint import LIBVIRT, Endpoints
from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.domain import KIND as DOMAIN
from kvmreconcile.kinds.volume import KIND
from kvmreconcile.model import (
    Action,
    Actual,
    Desired,
    Held,
    Hold,
    Key,
    Observation,
    Obstacle,
    Plan,
    Reason,
    World,
)
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.session.obstacles import Obstacles
from kvmreconcile.tree import Effect, Node, parse

KEY = Key("Volume", "default/root")
STORES = {kind.name: kind for kind in KINDS if kind.name in {"StoragePool", "Volume"}}
DAMAGED = Obstacle("it is damaged", "restore it")
HERE = Endpoints({LIBVIRT: object()})


@dataclass
class Damage:
    """Reports volumes as damaged if their definition contains a mark, and counts the calls."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, _connection: Any, actual: Actual) -> Obstacle | None:
        self.asked.append(actual.xml)
        return DAMAGED if "bad" in actual.xml else None


def world(*seen: Actual) -> World:
    wish = Desired(KEY, parse("<volume pool='default'/>"))
    return World("lab", "", datetime.now(UTC), {KEY: wish}, Observation({a.key: a for a in seen}), {})


def test_content_is_checked_again_after_its_object_changes() -> None:
    damage = Damage()
    obstacles = Obstacles({"Volume": replace(KIND, damage=damage)}, HERE)
    good, bad = Actual(KEY, "", "<volume/>"), Actual(KEY, "", "<bad/>")

    assert [obstacles.find_damage(world(each)) for each in (good, good, bad, bad)] == [
        {},
        {},
        {KEY: DAMAGED},
        {KEY: DAMAGED},
    ]
    assert damage.asked == ["<volume/>", "<bad/>"]
    assert obstacles.find_damage(world()) == {}
    assert obstacles.find_damage(world(bad)) == {KEY: DAMAGED}
    assert len(damage.asked) == 3


def test_content_of_objects_without_spec_is_not_checked() -> None:
    damage = Damage()
    obstacles = Obstacles({"Volume": replace(KIND, damage=damage)}, HERE)
    other = Actual(Key("Volume", "default/other"), "", "<bad/>")

    assert obstacles.find_damage(world(other)) == {}
    assert damage.asked == []


LACKS = Obstacle("it needs a part", "install it")
NEEDY, PLAIN = "<domain><needy/></domain>", "<domain/>"
GUEST = Key("Domain", "web")


def lacks(definition: Node, *, runs: bool) -> list[Obstacle]:
    """Yield the missing requirements of a definition. Some are missing only while it runs."""
    file = definition.get("file") if runs else None
    return [*([LACKS] if definition.child("needy") else []), *([Obstacle("no", "", file)] if file else [])]


def lacking(
    actual: Actual | None,
    *steps: tuple[str, str | None],
    desired: Iterable[Desired] = (),
    others: Iterable[Actual] = (),
) -> dict[Key, Obstacle]:
    """
    Return the missing requirements of steps on a host that meets none.

    A step: verb and definition.
    """
    kind = replace(DOMAIN, lacks=lambda _: lacks)
    bare = Action(GUEST, verb_of(""), Effect.LIVE, Reason.NEW)
    actions = [replace(bare, verb=verb_of(verb), tree=parse(tree) if tree else None) for verb, tree in steps]
    plan = Plan(actions=(*actions[:1],), held=tuple(Held(action, Hold.WINDOW) for action in actions[1:]))
    here = {each.key: each for each in (*others, *([actual] if actual else []))}
    there = World("lab", "", datetime.now(UTC), {each.key: each for each in desired}, Observation(here), {})
    return Obstacles({**STORES, "Domain": kind}, HERE).find_lacking(plan, there)


@pytest.mark.case("38g")
def test_host_is_checked_only_for_objects_that_are_stored_or_started() -> None:
    needy, plain = Actual(GUEST, "", NEEDY), Actual(GUEST, "", PLAIN)

    assert lacking(None, ("create", NEEDY), ("start", None)) == {GUEST: LACKS}
    assert lacking(plain, ("define", NEEDY)) == {GUEST: LACKS}
    assert lacking(needy, ("start", None)) == {GUEST: LACKS}
    assert lacking(needy, ("define", NEEDY), ("restart", None)) == {GUEST: LACKS}
    assert lacking(needy, ("define", NEEDY)) == {}
    assert lacking(needy, ("define", PLAIN), ("restart", None)) == {}
    assert lacking(needy, ("stop", None)) == {}
    assert lacking(None, ("create", PLAIN)) == {}


FILE = "<domain><file>/srv/images/a.raw</file></domain>"
POOL = Desired(Key("StoragePool", "images"), parse("<pool><target><path>/srv/images</path></target></pool>"))
VOLUME = Desired(Key("Volume", "images/a.raw"), parse("<volume/>"))


@pytest.mark.case("38g")
def test_missing_file_holds_only_guests_that_run() -> None:
    off, active = Actual(GUEST, "", PLAIN), Actual(GUEST, "", PLAIN, live_xml=PLAIN, active=True)

    assert lacking(None, ("create", FILE)) == {}
    assert lacking(off, ("define", FILE)) == {}
    assert lacking(None, ("create", FILE), ("start", None))[GUEST].file == "/srv/images/a.raw"
    assert lacking(active, ("define", FILE))[GUEST].file == "/srv/images/a.raw"
    assert lacking(active, ("define", FILE), ("stop", None)) == {}


@pytest.mark.case("38g")
def test_missing_file_in_pool_with_spec_does_not_hold_guest() -> None:
    steps = (("create", FILE), ("start", None))
    active = Actual(POOL.key, "", "<pool/>", active=True)

    assert lacking(None, *steps, desired=[POOL]) == {}
    assert lacking(None, *steps, desired=[POOL, VOLUME], others=[active]) == {}
    assert lacking(None, *steps, desired=[POOL], others=[active]).keys() == {GUEST}
