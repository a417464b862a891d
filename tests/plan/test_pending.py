"""Stored changes that wait for a start and are not visible in the running definition."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Actual, Applied, Desired, Key, Plan, RememberedPending
from kvmreconcile.plan.compare.pending import still_pending, to_remember
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.tree import Change, Effect, parse, paths
from tests.plan.worlds import BOOKS, done, planned, remembered, seen, wish, world

DOMAIN = BOOKS["Domain"]
WEB = Key("Domain", "web")
LIVE = "<domain><alias>whatever</alias><memory>1</memory></domain>"


def aliased(alias: str) -> Desired:
    return wish("Domain/web", f"<domain><alias>{alias}</alias><memory>1</memory></domain>")


def running(web: Desired, run: int = 1) -> Actual:
    return replace(seen(web, live=LIVE), runtime_id=run)


def applied(web: Desired, there: Actual, before: Applied, actual: Actual) -> Applied:
    """Return the record after a spec was applied to `there`, with `actual` as the result."""
    made = planned(world([web], [there], [before]))
    pending = to_remember(made.pending.get(WEB, ()), web, there, DOMAIN)
    return replace(remembered(web), runtime_id=actual.runtime_id, pending=pending)


def listed(plan: Plan) -> list[tuple[str, object, object]]:
    return [(c.path, c.old, c.new) for c in plan.pending.get(WEB, ())]


A, B, C = (aliased(name) for name in "abc")
BEFORE = remembered(A, runtime_id=1)
STORED = applied(B, running(A), BEFORE, running(B))


def test_edit_is_pending_in_the_plan_that_stores_it_and_in_later_plans() -> None:
    edit = planned(world([B], [running(A)], [BEFORE]))
    after = planned(world([B], [running(B)], [STORED]))

    assert [(a.verb.name, a.effect) for a in edit.actions] == [("define", Effect.NEXT_BOOT)]
    assert listed(edit) == listed(after) == [("alias", "a", "b")]
    assert after.is_empty


def test_power_cycle_clears_pending_changes_and_their_record() -> None:
    for cycled in (running(B, run=2), seen(B)):
        made = planned(world([B], [cycled], [STORED]))

        assert (listed(made), made.records) == ([], (WEB,))


def test_removed_field_is_pending_until_the_next_start() -> None:
    cpu = '<domain><cpu mode="a"/><memory>1</memory></domain>'
    was, web = wish("Domain/web", cpu), wish("Domain/web", "<domain><memory>1</memory></domain>")
    there, before = replace(seen(was, live=cpu), runtime_id=1), remembered(was, runtime_id=1)
    edit = planned(world([web], [there], [before]))
    after = replace(seen(web, live=cpu), runtime_id=1)
    known = applied(web, there, before, after)

    assert [p for p, *_ in listed(edit)] == [p for p, *_ in listed(planned(world([web], [after], [known])))]
    assert [p for p, *_ in listed(edit)] == ["cpu"]
    assert listed(planned(world([was], [after], [known]))) == []


def test_second_edit_is_compared_with_the_running_value() -> None:
    again = applied(C, running(B), STORED, running(C))

    assert listed(planned(world([C], [running(B)], [STORED]))) == [("alias", "a", "c")]
    assert listed(planned(world([C], [running(C)], [again]))) == [("alias", "a", "c")]


def test_reverted_edit_leaves_nothing_pending() -> None:
    back = applied(A, running(B), STORED, running(A))

    assert listed(planned(world([A], [running(B)], [STORED]))) == []
    assert back.pending == ()


def test_corrected_definition_leaves_nothing_pending() -> None:
    heal = planned(world([A], [running(B)], [BEFORE]))

    assert [(a.verb.name, a.effect) for a in heal.actions] == [("define", Effect.LIVE)]
    assert listed(heal) == []
    assert applied(A, running(B), BEFORE, running(A)).pending == ()


def test_edit_of_a_stopped_object_is_not_pending() -> None:
    edit = planned(world([B], [seen(A)], [replace(BEFORE, runtime_id=None)]))

    assert [(a.verb.name, a.effect) for a in edit.actions] == [("define", Effect.LIVE)]
    assert listed(edit) == []
    assert applied(B, seen(A), BEFORE, seen(B)).pending == ()


def test_pending_change_causes_an_allowed_restart_at_once_or_later() -> None:
    now, later = (
        planned(world([replace(B, policy=replace(B.policy, max_effect=Effect.RESTART))], [there], [known]))
        for there, known in ((running(A), BEFORE), (running(B), STORED))
    )

    assert [a.verb.name for a in now.actions] == ["define", "restart"]
    assert [a.verb.name for a in later.actions] == ["restart"]
    assert now.pending == later.pending == {}


def test_pending_elements_are_recorded_by_name_and_secrets_masked() -> None:
    secrets = paths("key")
    changes = (
        Change(("loader",), "loader", None, parse("<loader/>"), secrets),
        Change(("key",), "key", "hunter1", None, secrets),
    )

    assert to_remember(changes, A, running(A), DOMAIN) == (
        RememberedPending(("loader",), "loader", None, "<loader>"),
        RememberedPending(("key",), "key", SECRET, None),
    )


def test_change_visible_in_the_running_definition_is_not_recorded() -> None:
    web = wish("Domain/web", "<domain><alias>b</alias><memory>2</memory></domain>")
    made = planned(world([web], [running(A)], [BEFORE]))
    both = (*made.pending[WEB], Change(("memory",), "memory", "1", "2"))

    assert [u.rule for u in to_remember(both, web, running(A), DOMAIN)] == ["alias"]


LAN = Key("Network", "lan")
NETWORK = BOOKS["Network"]
NAMED = '<network><bridge name="a"/></network>'
TAKEN_OUT = {
    "element": ('<network><mtu size="1400"/></network>', "<network/>", "<network/>", "mtu"),
    "attribute": ('<network><bridge name="a" zone="b"/></network>', NAMED, NAMED, "bridge/@zone"),
    "attribute with a default": (
        '<network><bridge name="a" stp="off"/></network>',
        NAMED,
        '<network><bridge name="a" stp="on"/></network>',
        "bridge/@stp",
    ),
}
"""What a spec said, what it says now, what libvirt makes of that, and what is pending then."""


def lan(spec: str, **more: object) -> Desired:
    return wish("Network/lan", spec, **more)


def lan_with(stored: str, live: str) -> Actual:
    """Return a running network. libvirt assigns no runtime ID to networks."""
    return seen(lan(stored), live=live, runtime_id=None)


def known_after(edit: Desired, there: Actual, before: Applied) -> Applied:
    """Return the applied record of a network after an edit of its spec was stored."""
    made = planned(world([edit], [there], [before]))
    return replace(remembered(edit), pending=to_remember(made.pending[LAN], edit, there, NETWORK))


@pytest.mark.parametrize(("was", "spec", "stored", "path"), TAKEN_OUT.values(), ids=TAKEN_OUT)
def test_change_of_a_network_is_pending_until_running_and_stored_definition_agree(
    was: str, spec: str, stored: str, path: str
) -> None:
    edit = lan(spec)
    known = known_after(edit, lan_with(was, was), remembered(lan(was)))
    waiting = planned(world([edit], [lan_with(stored, was)], [known]))
    restarted = planned(world([edit], [lan_with(stored, stored)], [known]))

    assert [u.rule for u in known.pending] == [path]
    assert ([c.path for c in waiting.pending[LAN]], waiting.records) == ([path], ())
    assert (restarted.pending, restarted.records) == ({}, (LAN,))


@pytest.mark.parametrize(("was", "spec", "stored", "path"), TAKEN_OUT.values(), ids=TAKEN_OUT)
def test_network_is_restarted_once_for_a_change(was: str, spec: str, stored: str, path: str) -> None:
    edit = lan(spec, max_effect=Effect.RESTART)
    known = replace(remembered(edit), pending=(RememberedPending(tuple(path.split("/")), path, "x", None),))

    assert done(planned(world([edit], [lan_with(stored, was)], [known]))) == ["restart Network/lan"]
    assert planned(world([edit], [lan_with(stored, stored)], [known])).is_empty


AGREEING = [
    ("bridge/@stp", "<n/>", "<n/>"),
    ("bridge/@stp", '<n><bridge stp="off" name="a"/></n>', '<n><bridge stp="off"/></n>'),
    ("domain", "<n><domain>a</domain></n>", "<n><domain>a</domain></n>"),
]
DIFFERING = [
    ("bridge/@stp", '<n><bridge stp="off"/></n>', "<n/>"),
    ("domain", "<n><domain>a</domain></n>", "<n><domain>b</domain></n>"),
    ("domain", "<n/>", "<n><domain>a</domain></n>"),
]
"""A place, the running definition and the stored one."""


def pending_at(path: str, live: str, stored: str) -> tuple[RememberedPending, ...]:
    """Return the pending changes after a change at a path."""
    known = replace(
        remembered(lan("<n/>")), pending=(RememberedPending(tuple(path.split("/")), path, None, None),)
    )
    return still_pending(known, lan_with(stored, live), NETWORK.rules)


@pytest.mark.parametrize(("path", "live", "stored"), AGREEING)
def test_change_is_not_pending_if_both_definitions_have_the_same_value(
    path: str, live: str, stored: str
) -> None:
    assert pending_at(path, live, stored) == ()


@pytest.mark.parametrize(("path", "live", "stored"), DIFFERING)
def test_change_is_pending_if_the_definitions_differ(path: str, live: str, stored: str) -> None:
    assert len(pending_at(path, live, stored)) == 1


def test_change_of_a_stopped_network_is_no_longer_pending() -> None:
    known = replace(remembered(lan("<n/>")), pending=(RememberedPending(("mtu",), "mtu", "x", None),))

    assert still_pending(known, seen(lan("<n/>")), NETWORK.rules) == ()


def test_change_by_another_tool_at_the_path_of_a_former_pending_change_is_kept() -> None:
    edit = lan("<network/>")
    other = lan_with('<network><mtu size="1300"/></network>', "<network/>")

    assert planned(world([edit], [other], [remembered(edit)])).is_empty
    assert planned(world([edit], [other], [remembered(edit)])).pending == {}
