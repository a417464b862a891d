"""Plans that are checked with libvirt's own driver."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kvmreconcile.host.oracle import Oracle
from kvmreconcile.model import (
    Action,
    Actual,
    Desired,
    Held,
    Hold,
    Key,
    Observation,
    Plan,
    Reason,
    Source,
    World,
)
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.session.exact import Canonical, exact
from kvmreconcile.tree import Effect, Node, Rules, diff, parse

KEY = Key("Domain", "web1")
UUID = "6b0f8a5c-1d5e-5f0b-9a53-0c4a6f4d8f1e"


def _xml(memory: str, more: str = "") -> str:
    os = "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
    return f"<domain type='qemu'><name>web1</name><uuid>{UUID}</uuid>{memory}{os}{more}</domain>"


OPENS = datetime(2026, 1, 4, 2, 0, tzinfo=UTC)
ACTUAL = _xml("<memory unit='KiB'>262144</memory>")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as oracle:
        yield oracle


def _judged(oracle: Oracle, proposed: str, *, is_new: bool = False, is_held: bool = False) -> Plan:
    tree = parse(proposed)
    changes = tuple(diff(parse(ACTUAL), tree, Rules()))
    action = Action(KEY, verb_of("define"), Effect.LIVE, Reason.EDIT, changes, tree=tree)
    held = (Held(action, Hold.WINDOW, until=OPENS),) if is_held else ()
    plan = Plan(() if is_held else (action,), held, digest="d")
    return exact(plan, _world(is_new=is_new), {"Domain": Rules()}, {"domain": _canonical(oracle)})


def _canonical(oracle: Oracle) -> Canonical:
    return lambda xml: oracle.canonical(xml, validate=True)


def _world(*, is_new: bool) -> World:
    objects = {} if is_new else {KEY: Actual(KEY, UUID, ACTUAL)}
    desired = {KEY: Desired(KEY, Node("domain"), source=Source("a.yaml", 3, 1))}
    return World("default", "host", datetime(2026, 1, 1, tzinfo=UTC), desired, Observation(objects), {})


@pytest.mark.parametrize("is_held", [False, True])
def test_change_that_libvirt_normalizes_away_is_not_planned(oracle: Oracle, *, is_held: bool) -> None:
    plan = _judged(oracle, _xml("<memory unit='MiB'>256</memory>"), is_held=is_held)

    assert plan.is_empty
    assert plan.in_sync == (KEY,)
    assert plan.digest == "d"


def test_real_change_is_shown_as_libvirt_would_store_it(oracle: Oracle) -> None:
    plan = _judged(oracle, _xml("<memory unit='MiB'>512</memory>"))

    (action,) = plan.actions
    assert ("memory", "262144", "524288") in [(c.path, c.old, c.new) for c in action.changes]
    assert plan.problems == ()


@pytest.mark.parametrize("is_new", [False, True])
def test_definition_that_libvirt_rejects_is_a_problem_of_the_plan(oracle: Oracle, *, is_new: bool) -> None:
    plan = _judged(oracle, _xml("<memory unit='MiB'>512</memory>", "<nonsense/>"), is_new=is_new)

    (problem,) = plan.problems
    assert problem.where == "a.yaml:3:1"
    assert "libvirt on this machine rejects the definition" in problem.what
    assert len(plan.actions) == 1


def test_held_action_keeps_its_release_time(oracle: Oracle) -> None:
    (held,) = _judged(oracle, _xml("<memory unit='MiB'>512</memory>"), is_held=True).held

    assert (held.hold, held.until) == (Hold.WINDOW, OPENS)
    assert held.action.changes


def test_new_domain_stays_planned(oracle: Oracle) -> None:
    plan = _judged(oracle, _xml("<memory unit='MiB'>512</memory>"), is_new=True)

    assert len(plan.actions) == 1
    assert plan.problems == ()


def test_definition_that_cannot_be_validated_stays_planned(oracle: Oracle) -> None:
    tree = parse("<network><name>lab</name></network>")
    step = Action(Key("Network", "lab"), verb_of("define"), Effect.LIVE, Reason.EDIT, tree=tree)
    start = Action(KEY, verb_of("start"), Effect.LIVE, Reason.DRIFT)
    plan = Plan((step, start))

    assert exact(plan, _world(is_new=False), {}, {"domain": _canonical(oracle)}) == plan
