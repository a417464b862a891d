"""Lasting conditions are logged once when they begin and once when they end."""

from datetime import UTC, datetime

from kvmreconcile.daemon.condition_log import ENDS, Event, Notice, OpenNotices, list_notices
from kvmreconcile.errors import Problem
from kvmreconcile.model import Action, Held, Hold, Key, Observation, Plan, Reason, Unobservable, World
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.tree import Change, Effect

WEB = Key("Domain", "web")
HELD = Notice(Event("object.held"), (("key", "Domain/web"), ("why", "so")))
HIDDEN = Notice(Event("host.hidden"), (("prefix", "Volume/"),))


def test_notice_is_logged_when_condition_begins() -> None:
    open_notices = OpenNotices()

    assert list(open_notices.changes([HELD, HELD, HIDDEN])) == [HELD, HIDDEN]


def test_notice_of_lasting_condition_is_logged_once() -> None:
    open_notices = OpenNotices()
    list(open_notices.changes([HELD]))

    assert list(open_notices.changes([HELD, HIDDEN])) == [HIDDEN]


def test_end_of_condition_is_logged_with_its_subject() -> None:
    open_notices = OpenNotices()
    list(open_notices.changes([HELD]))

    assert list(open_notices.changes([])) == [Notice(Event("object.released"), (("key", "Domain/web"),))]
    assert list(open_notices.changes([])) == []


def test_notice_is_logged_again_when_condition_returns() -> None:
    open_notices = OpenNotices()
    for now in ([HELD], []):
        list(open_notices.changes(now))

    assert list(open_notices.changes([HELD])) == [HELD]


def steps(verb: str, hold: Hold) -> Held:
    return Held(Action(WEB, verb_of(verb), Effect.RESTART, Reason.EDIT), hold, "costs too much", "approve it")


def test_pass_yields_one_notice_per_condition() -> None:
    problem = Problem("a.yaml:1:2", "is wrong", "correct it")
    specs = Loaded((), {}, (problem,), frozenset(), complete=False)
    observed = Observation(unobservable=(Unobservable("Volume/default/", "is not active"),))
    world = World("default", "host", datetime.now(UTC), {}, observed, {})
    plan = Plan(
        held=(steps("define", Hold.EFFECT), steps("restart", Hold.EFFECT)),
        pending={WEB: (Change(("memory",), "memory", "1", "2"),)},
        notes=(Problem("b.yaml", "looks like a chart", "ignore it"),),
        lost="it was lost",
    )

    logged = {m.event: dict(m.fields) for m in list_notices(specs, world, plan)}

    # Readiness is reported by probes, not by passes.
    assert {*logged, "object.unready"} == ENDS.keys()
    assert logged[Event("spec.wrong")] == {"where": "a.yaml:1:2", "what": "is wrong", "todo": "correct it"}
    assert logged[Event("spec.warning")] == {
        "where": "b.yaml",
        "what": "looks like a chart",
        "todo": "ignore it",
    }
    assert logged[Event("host.hidden")] == {"prefix": "Volume/default/", "why": "is not active"}
    assert logged[Event("state.lost")] == {"why": "it was lost"}
    assert logged[Event("object.held")]["verbs"] == "define, restart"
    assert logged[Event("object.pending")] == {"key": "Domain/web", "paths": "memory"}


def test_problem_that_moves_to_another_line_is_logged_once() -> None:
    open_notices = OpenNotices()

    def log_problems(*problems: Problem) -> list[Notice]:
        specs = Loaded((), {}, problems, frozenset(), complete=False)
        world = World("default", "host", datetime.now(UTC), {}, Observation(), {})
        return list(open_notices.changes(list_notices(specs, world, Plan())))

    assert len(log_problems(Problem("a.yaml:1:2", "is wrong"))) == 1
    assert log_problems(Problem("a.yaml:3:2", "is wrong")) == []
    assert log_problems() == [Notice(Event("spec.mended"), (("where", "a.yaml:3:2"),))]
