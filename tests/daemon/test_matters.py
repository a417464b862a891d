"""What is told once, and again only when it is over."""

from datetime import UTC, datetime

from kvmreconcile.daemon.matters import ENDS, Event, Matter, Told, matters
from kvmreconcile.errors import Problem
from kvmreconcile.model import Action, Blind, Held, Hold, Key, Observation, Plan, Reason, World
from kvmreconcile.source.load import Loaded
from kvmreconcile.tree import Change, Effect

WEB = Key("Domain", "web")
HELD = Matter(Event("object.held"), (("key", "Domain/web"), ("why", "so")))
HIDDEN = Matter(Event("host.hidden"), (("prefix", "Volume/"),))


def test_matter_is_told_when_it_begins() -> None:
    told = Told()

    assert list(told.news([HELD, HELD, HIDDEN])) == [HELD, HIDDEN]


def test_matter_that_lasts_is_not_told_again() -> None:
    told = Told()
    list(told.news([HELD]))

    assert list(told.news([HELD, HIDDEN])) == [HIDDEN]


def test_matter_that_is_over_is_told_by_what_it_was_about() -> None:
    told = Told()
    list(told.news([HELD]))

    assert list(told.news([])) == [Matter(Event("object.released"), (("key", "Domain/web"),))]
    assert list(told.news([])) == []


def test_matter_that_comes_back_is_told_again() -> None:
    told = Told()
    for now in ([HELD], []):
        list(told.news(now))

    assert list(told.news([HELD])) == [HELD]


def steps(verb: str, hold: Hold) -> Held:
    return Held(Action(WEB, verb, Effect.RESTART, Reason.EDIT), hold, "costs too much", "approve it")


def test_all_that_stays_is_a_matter_and_one_of_an_object_whatever_its_steps() -> None:
    problem = Problem("a.yaml:1:2", "is wrong", "mend it")
    specs = Loaded((), {}, (problem,), frozenset(), complete=False)
    observed = Observation(blind=(Blind("Volume/default/", "is not active"),))
    world = World("default", "host", datetime.now(UTC), {}, observed, {})
    plan = Plan(
        held=(steps("define", Hold.EFFECT), steps("restart", Hold.EFFECT)),
        pending={WEB: (Change(("memory",), "memory", "1", "2"),)},
    )

    found = {m.event: dict(m.fields) for m in matters(specs, world, plan)}

    # Whether a guest is ready is no matter of passes.
    assert {*found, "object.unready"} == ENDS.keys()
    assert found[Event("spec.wrong")] == {"where": "a.yaml:1:2", "what": "is wrong", "todo": "mend it"}
    assert found[Event("host.hidden")] == {"prefix": "Volume/default/", "why": "is not active"}
    assert found[Event("object.held")]["verbs"] == "define, restart"
    assert found[Event("object.pending")] == {"key": "Domain/web", "paths": "memory"}
