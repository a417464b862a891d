"""Gates of other packages hold steps and removals, can do nothing else, and are opened by an approval if they say so."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from kvmreconcile.model import Action, Held, Hold, Prune, World
from kvmreconcile.plan import Gate, Limit, Limits, Overrides
from kvmreconcile.plan.context import PlanContext
from tests.plan.worlds import RUNNING, done, held, planned, remembered, seen, wish, world

LAN = wish("Network/lan", "<network><bridge name='virbr7'/></network>")
WEB = wish("Domain/web", '<domain><nic mac="1" network="lan"/></domain>')
OTHER = wish("Domain/other")

Split = tuple[list[Action], list[Held]]


def holding(*names: str) -> Callable[[Sequence[Action], PlanContext, Limits], Split]:
    """Return the function of a gate that holds all steps on some objects."""

    def split(actions: Sequence[Action], _context: PlanContext, _limits: Limits) -> Split:
        stopped = [a for a in actions if str(a.key) in names]
        return (
            [a for a in actions if a not in stopped],
            [Held(a, Hold.CONFLICT, "closed", "open it") for a in stopped],
        )

    return split


def with_gate(gate: Gate) -> Limits:
    return Limits(gates=(gate,))


def new() -> World:
    return world([LAN, WEB, OTHER])


def test_gate_of_another_package_holds_steps_with_its_reason() -> None:
    made = planned(new(), limits=with_gate(Gate("maintenance", holding("Domain/other"))))

    assert held(made) == [("create Domain/other", "CLOSED")]
    assert (made.held[0].detail, made.held[0].release) == ("closed", "open it")
    assert "create Domain/web" in done(made)


def test_objects_that_need_an_object_held_by_a_gate_are_held_too() -> None:
    made = planned(new(), limits=with_gate(Gate("maintenance", holding("Network/lan"))))

    assert ("create Domain/web", "BROKEN") in held(made)
    detail = next(h.detail for h in made.held if h.action.key == WEB.key)
    assert detail == "Network/lan does not exist, and the steps that create it are held"
    assert done(made) == ["create Domain/other"]


def test_existing_network_of_a_held_edit_does_not_hold_its_guests() -> None:
    here = world(
        [replace(LAN, tree=wish("Network/lan", "<network><bridge name='virbr8'/></network>").tree), WEB],
        [seen(LAN)],
        [remembered(LAN)],
    )

    made = planned(here, limits=with_gate(Gate("maintenance", holding("Network/lan"))))

    assert done(made) == ["create Domain/web"]


@pytest.mark.parametrize("opened", [True, False])
def test_approval_opens_a_gate_only_if_the_gate_says_so(*, opened: bool) -> None:
    limits = with_gate(Gate("maintenance", holding("Domain/other"), opened_by_approval=opened))
    digest = planned(new(), limits=limits).digest

    approved = planned(new(), Overrides(approved=digest), limits)

    assert ("create Domain/other" in done(approved)) is opened
    assert (("create Domain/other", "CLOSED") in held(approved)) is not opened


def test_removals_pass_through_the_gates() -> None:
    user = wish("Domain/old", '<domain><nic mac="1" network="lan"/></domain>')
    here = world(
        [OTHER],
        [seen(OTHER), seen(user), seen(LAN)],
        [remembered(d) for d in (OTHER, user, LAN)],
        prune={"Domain": Prune.AUTO, "Network": Prune.AUTO},
    )
    closed = Gate("maintenance", holding("Domain/old"), opened_by_approval=True)
    limits = replace(with_gate(closed), delete=Limit(1.0, 10))

    made = planned(here, limits=limits)

    assert held(made) == [("remove Domain/old", "GATE"), ("remove Network/lan", "PROTECTED")]
    assert made.held[1].detail == "Domain/old refers to it, and is not removed"
    assert done(planned(here, Overrides(approved=made.digest), limits)) == [
        "remove Domain/old",
        "remove Network/lan",
    ]


def test_steps_that_follow_a_held_step_on_the_same_object_are_held_too() -> None:
    def split(actions: Sequence[Action], _context: PlanContext, _limits: Limits) -> Split:
        held = [a for a in actions if a.verb.name == "create"]
        return [a for a in actions if a not in held], [Held(a, Hold.GATE, "closed", "open it") for a in held]

    made = planned(world([replace(OTHER, power=RUNNING)]), limits=with_gate(Gate("quota", split)))

    assert done(made) == []
    assert held(made) == [("create Domain/other", "CLOSED"), ("start Domain/other", "CLOSED")]


def test_predecessor_is_not_removed_while_a_gate_holds_its_successor() -> None:
    xml = "<network><name>{}</name><ip>192.0.2.1</ip></network>"
    old, new = (wish(f"Network/{name}", xml.format(name)) for name in ("old", "new"))
    here = world([OTHER, new], [seen(OTHER), seen(old)], [remembered(OTHER), remembered(old)])
    free = Limits(delete=Limit(1.0, 10))
    gated = replace(free, gates=(Gate("maintenance", holding("Network/new")),))

    assert done(planned(here, limits=free)) == ["remove Network/old", "create Network/new"]
    made = planned(here, limits=gated)

    assert done(made) == []
    assert held(made) == [("create Network/new", "CLOSED"), ("remove Network/old", "SUCCESSOR")]
    assert made.held[1].detail == "Network/new, which replaces it, is not created in this pass"


def fails(_actions: Sequence[Action], _context: PlanContext, _limits: Limits) -> Split:
    raise KeyError("quota")


def forgets(actions: Sequence[Action], _context: PlanContext, _limits: Limits) -> Split:
    return list(actions)[1:], []


def invents(actions: Sequence[Action], _context: PlanContext, _limits: Limits) -> Split:
    return [replace(a, notes=("other",)) for a in actions], []


def reorders(actions: Sequence[Action], _context: PlanContext, _limits: Limits) -> Split:
    return list(reversed(actions)), []


@pytest.mark.parametrize(
    ("split", "why"),
    [
        (fails, "raised KeyError"),
        (forgets, "did not return every step once, as allowed or as held"),
        (invents, "did not return every step once, as allowed or as held"),
        (reorders, "changed the order of the steps"),
    ],
)
def test_gate_with_a_bug_holds_all_steps(
    split: Callable[[Sequence[Action], PlanContext, Limits], Split], why: str
) -> None:
    made = planned(new(), limits=with_gate(Gate("quota", split)))

    assert done(made) == []
    assert {h.hold for h in made.held} == {Hold.CLOSED}
    assert {h.detail for h in made.held} == {f'the gate "quota" {why}'}
    assert {h.release for h in made.held} == {"correct or uninstall the package of this gate"}


def test_start_of_a_guest_held_by_a_gate_holds_guests_that_start_after_it() -> None:
    first, second = wish("Domain/a", power=RUNNING), wish("Domain/b", power=RUNNING, after=(WEB.key,))
    here = world(
        [WEB, first, replace(second, after=(first.key,))],
        [seen(d) for d in (LAN, WEB, first, second)],
        [remembered(d) for d in (WEB, first, second)],
    )

    made = planned(here, limits=with_gate(Gate("maintenance", holding("Domain/a"))))

    assert ("start Domain/b", "ORDER") in held(made)
