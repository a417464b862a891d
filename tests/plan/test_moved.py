"""A guest that moves between hosts is created on one, and removed from the other, only when that is approved."""

from dataclasses import replace
from typing import Any

from kvmreconcile.model import Hold, Key, Plan, Prune, Reason, World
from kvmreconcile.plan import Limits, Overrides
from kvmreconcile.plan.gates.gate import Limit
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, done, held, planned, remembered, seen, wish, world

WEB = wish("Domain/web", '<domain><nic mac="1" network="lan"/></domain>', power=RUNNING)
LAN = wish("Network/lan")
DISK = wish("Volume/p/web", '<volume pool="p"/>')
POOL = wish("StoragePool/p")
WITH_DISK = wish("Domain/web", '<domain><disk name="vda" pool="p" volume="web"/></domain>', power=RUNNING)
KEEP = wish("Domain/keep")


def arriving(**more: Any) -> World:
    return world([WEB, LAN, KEEP], [seen(KEEP)], [remembered(KEEP)], moved_here={WEB.key: "kvm1"}, **more)


def departing(**more: Any) -> World:
    there = [seen(KEEP), seen(WEB, live="<domain/>"), seen(LAN)]
    known = [remembered(d) for d in (KEEP, WEB, LAN)]
    return world([KEEP, LAN], there, known, elsewhere={WEB.key: "kvm2"}, **more)


def reasons(made: Plan) -> dict[str, str]:
    return {str(h.action.key): f"{h.detail}; {h.release}" for h in made.held if h.hold is Hold.MOVED}


def test_guest_that_was_placed_elsewhere_is_created_only_when_approved() -> None:
    made = planned(arriving())

    assert [step for step in held(made) if step[1] == "MOVED"] == [
        ("create Domain/web", "MOVED"),
        ("start Domain/web", "MOVED"),
    ]
    assert reasons(made) == {
        "Domain/web": "its spec placed it on kvm1 until now; remove it from kvm1, then approve this plan"
    }
    assert "create Network/lan" in done(made)
    assert "start Domain/web" in done(planned(arriving(), Overrides(approved=made.digest)))


def test_guest_that_is_off_here_and_was_placed_elsewhere_meanwhile_is_started_only_when_approved() -> None:
    here = world([WEB, LAN], [seen(WEB), seen(LAN, live="<network/>")], [remembered(WEB), remembered(LAN)])

    made = planned(replace(here, moved_here={WEB.key: "kvm1"}))

    assert held(made) == [("start Domain/web", "MOVED")]
    assert "start Domain/web" in done(planned(here))


def test_guest_that_is_placed_elsewhere_keeps_running_until_its_removal_is_approved() -> None:
    made = planned(departing(prune={"Domain": Prune.AUTO}))

    assert done(made) == []
    assert held(made) == [("remove Domain/web", "MOVED")]
    assert reasons(made) == {
        "Domain/web": "its spec now places it on kvm2; approve this plan, which removes it from this host and keeps "
        "its data"
    }
    approved = planned(departing(), Overrides(approved=made.digest))
    assert done(approved) == ["remove Domain/web"]
    assert [action.reason for action in approved.actions] == [Reason.MOVED]


def test_data_of_an_object_that_is_placed_elsewhere_is_never_removed() -> None:
    wide = Limits(delete=Limit(1.0, 9))
    here = world(
        [KEEP, POOL],
        [seen(KEEP), seen(POOL), seen(DISK)],
        [remembered(d) for d in (KEEP, POOL, DISK)],
        prune={"Volume": Prune.AUTO},
        elsewhere={DISK.key: "kvm2"},
    )

    assert done(planned(here, limits=wide)) == []
    assert held(planned(here, limits=wide)) == []
    assert done(planned(replace(here, elsewhere={}), limits=wide)) == ["remove Volume/p/web"]


def test_placed_guest_is_not_created_on_a_disk_that_this_host_did_not_create() -> None:
    placed = replace(WITH_DISK, placed=True)
    here = world([placed, POOL], [seen(POOL, live="<pool/>"), seen(DISK)], [remembered(POOL)])

    made = planned(here)

    assert [step for step in held(made) if step[1] == "MOVED"] == [
        ("create Domain/web", "MOVED"),
        ("start Domain/web", "MOVED"),
    ]
    assert reasons(made)["Domain/web"] == (
        "Volume/p/web exists and was not created by this host; make sure that Domain/web is on no other host, then "
        "approve this plan"
    )
    assert "create Domain/web" in done(
        planned(replace(here, desired={**here.desired, placed.key: WITH_DISK}))
    )
    ours = replace(here, applied={**here.applied, DISK.key: remembered(DISK)})
    assert "create Domain/web" in done(planned(ours))


def test_existing_disk_of_a_placed_guest_is_not_recorded_before_the_guest_is_approved() -> None:
    placed = replace(WITH_DISK, placed=True)
    here = world([placed, POOL, DISK], [seen(POOL, live="<pool/>"), seen(DISK)], [remembered(POOL)])

    made = planned(here)
    approved = planned(here, Overrides(approved=made.digest))

    assert ("create Domain/web", "MOVED") in held(made)
    assert DISK.key not in made.records
    assert "create Domain/web" in done(approved)
    assert DISK.key in approved.records or DISK.key in approved.in_sync


def test_approval_given_before_the_guest_moved_here_does_not_create_it() -> None:
    before = planned(replace(arriving(), moved_here={}))

    made = planned(arriving(), Overrides(approved=before.digest))

    assert before.digest != made.digest
    assert ("create Domain/web", "MOVED") in held(made)


def test_volumes_of_a_set_that_has_become_smaller_are_kept_whatever_the_setting_for_pruning() -> None:
    owner = Key("DomainSet", "web")
    here = world(
        [KEEP, POOL],
        [seen(KEEP), seen(POOL), seen(DISK)],
        [remembered(d) for d in (KEEP, POOL, DISK)],
        prune={"Volume": Prune.AUTO},
        owners={DISK.key: owner},
        present_owners=frozenset({owner}),
    )

    assert done(planned(here)) == []
    assert done(planned(replace(here, present_owners=frozenset()))) == ["remove Volume/p/web"]


def test_volume_that_was_placed_elsewhere_is_created_only_when_approved() -> None:
    here = world(
        [DISK, POOL], [seen(POOL, live="<pool/>")], [remembered(POOL)], moved_here={DISK.key: "kvm1"}
    )

    made = planned(here)

    assert held(made) == [("create Volume/p/web", "MOVED")]
    assert "create Volume/p/web" in done(planned(here, Overrides(approved=made.digest)))


def test_network_that_is_now_on_this_host_as_well_is_not_held() -> None:
    here = world([LAN, KEEP], [seen(KEEP)], [remembered(KEEP)], moved_here={LAN.key: "kvm1"})

    assert "create Network/lan" in done(planned(here))


def test_disk_that_this_host_did_not_create_is_recorded_only_with_its_guest() -> None:
    here = world(
        [replace(WITH_DISK, placed=True), POOL],
        [seen(POOL, live="<pool/>"), seen(DISK)],
        [remembered(POOL)],
    )
    here = replace(here, desired={**here.desired, DISK.key: DISK})

    made = planned(here)

    assert DISK.key not in made.records
    assert DISK.key in planned(here, Overrides(approved=made.digest)).records


def test_disk_that_this_host_did_not_create_is_not_changed_before_its_guest_is_created() -> None:
    text = '<volume pool="p"><capacity>2</capacity></volume>'
    larger = wish("Volume/p/web", text, adopt=True, max_effect=Effect.REPLACE)
    here = world(
        [replace(WITH_DISK, placed=True), POOL, larger],
        [seen(POOL, live="<pool/>"), seen(DISK)],
        [remembered(POOL)],
    )

    made = planned(here)

    assert ("replace Volume/p/web", "MOVED") in held(made)
    assert done(made) == []
