"""What is stored and waits for a start, where the running definition does not tell."""

from dataclasses import replace

from kvmreconcile.model import Actual, Applied, Desired, Key, Plan, Unseen
from kvmreconcile.plan.applied import SECRET
from kvmreconcile.plan.unseen import to_remember
from kvmreconcile.tree import Change, Effect, parse, paths
from tests.plan.worlds import BOOKS, planned, remembered, seen, wish, world

DOMAIN = BOOKS["Domain"]
WEB = Key("Domain", "web")
LIVE = "<domain><alias>whatever</alias><memory>1</memory></domain>"


def aliased(alias: str) -> Desired:
    return wish("Domain/web", f"<domain><alias>{alias}</alias><memory>1</memory></domain>")


def running(web: Desired, run: int = 1) -> Actual:
    return replace(seen(web, live=LIVE), runtime_id=run)


def applied(web: Desired, there: Actual, before: Applied, actual: Actual) -> Applied:
    """Return what is remembered once a spec was applied to `there` and made it `actual`."""
    made = planned(world([web], [there], [before]))
    pending = to_remember(made.pending.get(WEB, ()), web, there, DOMAIN)
    return replace(remembered(web), runtime_id=actual.runtime_id, pending=pending)


def listed(plan: Plan) -> list[tuple[str, object, object]]:
    return [(c.path, c.old, c.new) for c in plan.pending.get(WEB, ())]


A, B, C = (aliased(name) for name in "abc")
BEFORE = remembered(A, runtime_id=1)
STORED = applied(B, running(A), BEFORE, running(B))


def test_edit_is_pending_in_the_plan_that_stores_it_and_after() -> None:
    edit = planned(world([B], [running(A)], [BEFORE]))
    after = planned(world([B], [running(B)], [STORED]))

    assert [(a.verb, a.effect) for a in edit.actions] == [("define", Effect.NEXT_BOOT)]
    assert listed(edit) == listed(after) == [("alias", "a", "b")]
    assert after.is_empty


def test_power_cycle_clears_it_and_its_memory() -> None:
    for cycled in (running(B, run=2), seen(B)):
        made = planned(world([B], [cycled], [STORED]))

        assert (listed(made), made.records) == ([], (WEB,))


def test_what_the_spec_no_longer_says_waits_too_though_nothing_asks_for_it() -> None:
    cpu = '<domain><cpu mode="a"/><memory>1</memory></domain>'
    was, web = wish("Domain/web", cpu), wish("Domain/web", "<domain><memory>1</memory></domain>")
    there, before = replace(seen(was, live=cpu), runtime_id=1), remembered(was, runtime_id=1)
    edit = planned(world([web], [there], [before]))
    after = replace(seen(web, live=cpu), runtime_id=1)
    known = applied(web, there, before, after)

    assert [p for p, *_ in listed(edit)] == [p for p, *_ in listed(planned(world([web], [after], [known])))]
    assert [p for p, *_ in listed(edit)] == ["cpu"]
    assert listed(planned(world([was], [after], [known]))) == []


def test_second_edit_is_told_from_what_runs() -> None:
    again = applied(C, running(B), STORED, running(C))

    assert listed(planned(world([C], [running(B)], [STORED]))) == [("alias", "a", "c")]
    assert listed(planned(world([C], [running(C)], [again]))) == [("alias", "a", "c")]


def test_edit_taken_back_waits_for_nothing() -> None:
    back = applied(A, running(B), STORED, running(A))

    assert listed(planned(world([A], [running(B)], [STORED]))) == []
    assert back.pending == ()


def test_definition_healed_after_a_change_by_hand_is_in_force_as_before() -> None:
    heal = planned(world([A], [running(B)], [BEFORE]))

    assert [(a.verb, a.effect) for a in heal.actions] == [("define", Effect.LIVE)]
    assert listed(heal) == []
    assert applied(A, running(B), BEFORE, running(A)).pending == ()


def test_stopped_object_takes_it_at_its_next_start_and_nothing_is_remembered() -> None:
    edit = planned(world([B], [seen(A)], [replace(BEFORE, runtime_id=None)]))

    assert [(a.verb, a.effect) for a in edit.actions] == [("define", Effect.LIVE)]
    assert listed(edit) == []
    assert applied(B, seen(A), BEFORE, seen(B)).pending == ()


def test_restart_that_the_spec_allows_is_made_for_it_at_once_or_later() -> None:
    now, later = (
        planned(world([replace(B, policy=replace(B.policy, max_effect=Effect.RESTART))], [there], [known]))
        for there, known in ((running(A), BEFORE), (running(B), STORED))
    )

    assert [a.verb for a in now.actions] == ["define", "restart"]
    assert [a.verb for a in later.actions] == ["restart"]
    assert now.pending == later.pending == {}


def test_whole_elements_are_remembered_by_name_and_secrets_not_at_all() -> None:
    secrets = paths("key")
    changes = (
        Change(("loader",), "loader", None, parse("<loader/>"), secrets),
        Change(("key",), "key", "hunter1", None, secrets),
    )

    assert to_remember(changes, A, running(A), DOMAIN) == (
        Unseen(("loader",), "loader", None, "<loader>"),
        Unseen(("key",), "key", SECRET, None),
    )


def test_what_the_running_definition_tells_is_not_remembered() -> None:
    web = wish("Domain/web", "<domain><alias>b</alias><memory>2</memory></domain>")
    made = planned(world([web], [running(A)], [BEFORE]))
    both = (*made.pending[WEB], Change(("memory",), "memory", "1", "2"))

    assert [u.rule for u in to_remember(both, web, running(A), DOMAIN)] == ["alias"]
