"""Reboots by the guest while changes are pending."""

from dataclasses import replace
from typing import Any

from kvmreconcile.model import Plan, Policy
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, STOPPED, planned, remembered, seen, wish, world

WAITS = '<domain><cpu mode="b"/></domain>'


def after(live: str, stored: str = "restart", **policy: Any) -> Plan:
    """Return the plan for a guest with a stored spec. `live`: the running definition."""
    web = wish("Domain/web", WAITS, **{"power": RUNNING, "reboot_applies": True, **policy})
    xml = f'<domain><cpu mode="b"/><on_reboot>{stored}</on_reboot></domain>'
    return planned(world([web], [seen(web, xml, live=live)], [remembered(web)]))


def steps(plan: Plan) -> list[tuple[str, str, object]]:
    return [(a.verb.name, c.path, c.new) for a in plan.actions for c in a.changes]


def lives(mode: str, on_reboot: str) -> str:
    return f'<domain><cpu mode="{mode}"/><on_reboot>{on_reboot}</on_reboot></domain>'


def test_on_reboot_is_destroy_only_while_changes_are_pending() -> None:
    assert steps(after(lives("a", "restart"))) == [("set-lifecycle", "on_reboot", "destroy")]
    assert after(lives("a", "destroy")).is_empty
    assert steps(after(lives("b", "destroy"))) == [("set-lifecycle", "on_reboot", "restart")]
    assert after(lives("b", "restart")).is_empty


def test_on_reboot_is_not_changed_unless_reboot_applies_and_guest_runs() -> None:
    assert after(lives("a", "restart"), reboot_applies=False).is_empty
    assert after(lives("a", "restart"), power=None).is_empty
    assert [a.verb.name for a in after(lives("a", "restart"), power=STOPPED).actions] == ["stop"]


def test_on_reboot_of_the_spec_is_restored_when_nothing_is_pending() -> None:
    said = "<domain><memory>{}</memory><on_reboot>restart</on_reboot></domain>"
    web = wish("Domain/web", said.format(2), power=RUNNING, reboot_applies=True)
    waiting = seen(web, live="<domain><memory>2</memory><x/><on_reboot>destroy</on_reboot></domain>")

    assert steps(planned(world([web], [waiting], [remembered(web)]))) == [
        ("set-lifecycle", "on_reboot", "restart")
    ]
    kept = replace(web, policy=Policy())
    assert steps(planned(world([kept], [waiting], [remembered(kept)]))) == [
        ("set-lifecycle", "on_reboot", "restart")
    ]


def test_on_reboot_is_destroy_while_the_restart_is_held() -> None:
    made = after(lives("a", "restart"), max_effect=Effect.NEXT_BOOT)

    assert [c.path for c in next(iter(made.pending.values()))] == ["cpu/@mode"]
    assert steps(made) == [("set-lifecycle", "on_reboot", "destroy")]


def test_guest_that_shut_down_for_a_reboot_is_started() -> None:
    web = wish("Domain/web", WAITS, power=RUNNING, reboot_applies=True)

    assert [a.verb.name for a in planned(world([web], [seen(web)], [remembered(web)])).actions] == ["start"]
