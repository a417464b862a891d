"""What is told once, and again only when it is over."""

from datetime import UTC, datetime

from kvmreconcile.daemon.condition_log import ENDS, Event, Notice, OpenNotices, notices
from kvmreconcile.errors import Problem
from kvmreconcile.model import Action, Held, Hold, Key, Observation, Plan, Reason, Unobservable, World
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.source.load import Loaded
from kvmreconcile.tree import Change, Effect

WEB = Key("Domain", "web")
HELD = Notice(Event("object.held"), (("key", "Domain/web"), ("why", "so")))
HIDDEN = Notice(Event("host.hidden"), (("prefix", "Volume/"),))


def test_notice_is_told_when_it_begins() -> None:
    known = OpenNotices()

    assert list(known.changes([HELD, HELD, HIDDEN])) == [HELD, HIDDEN]


def test_notice_that_lasts_is_not_told_again() -> None:
    known = OpenNotices()
    list(known.changes([HELD]))

    assert list(known.changes([HELD, HIDDEN])) == [HIDDEN]


def test_notice_that_is_over_is_told_by_what_it_was_about() -> None:
    known = OpenNotices()
    list(known.changes([HELD]))

    assert list(known.changes([])) == [Notice(Event("object.released"), (("key", "Domain/web"),))]
    assert list(known.changes([])) == []


def test_notice_that_comes_back_is_told_again() -> None:
    known = OpenNotices()
    for now in ([HELD], []):
        list(known.changes(now))

    assert list(known.changes([HELD])) == [HELD]


def steps(verb: str, hold: Hold) -> Held:
    return Held(Action(WEB, verb_of(verb), Effect.RESTART, Reason.EDIT), hold, "costs too much", "approve it")


def test_all_that_stays_is_a_notice_and_one_of_an_object_whatever_its_steps() -> None:
    problem = Problem("a.yaml:1:2", "is wrong", "mend it")
    specs = Loaded((), {}, (problem,), frozenset(), complete=False)
    observed = Observation(unobservable=(Unobservable("Volume/default/", "is not active"),))
    world = World("default", "host", datetime.now(UTC), {}, observed, {})
    plan = Plan(
        held=(steps("define", Hold.EFFECT), steps("restart", Hold.EFFECT)),
        pending={WEB: (Change(("memory",), "memory", "1", "2"),)},
        notes=(Problem("b.yaml", "is taken for a chart", "ignore it"),),
        lost="it was lost",
    )

    found = {m.event: dict(m.fields) for m in notices(specs, world, plan)}

    # Whether a guest is ready is not for passes to tell.
    assert {*found, "object.unready"} == ENDS.keys()
    assert found[Event("spec.wrong")] == {"where": "a.yaml:1:2", "what": "is wrong", "todo": "mend it"}
    assert found[Event("spec.warning")] == {
        "where": "b.yaml",
        "what": "is taken for a chart",
        "todo": "ignore it",
    }
    assert found[Event("host.hidden")] == {"prefix": "Volume/default/", "why": "is not active"}
    assert found[Event("state.lost")] == {"why": "it was lost"}
    assert found[Event("object.held")]["verbs"] == "define, restart"
    assert found[Event("object.pending")] == {"key": "Domain/web", "paths": "memory"}


def test_mistake_that_moves_to_another_line_is_told_once() -> None:
    known = OpenNotices()

    def told(*problems: Problem) -> list[Notice]:
        specs = Loaded((), {}, problems, frozenset(), complete=False)
        world = World("default", "host", datetime.now(UTC), {}, Observation(), {})
        return list(known.changes(notices(specs, world, Plan())))

    assert len(told(Problem("a.yaml:1:2", "is wrong"))) == 1
    assert told(Problem("a.yaml:3:2", "is wrong")) == []
    assert told() == [Notice(Event("spec.mended"), (("where", "a.yaml:3:2"),))]
