"""Guests with missing or unobservable data are not started, and are reported if they run."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Hold, Unknown, Unobservable
from kvmreconcile.plan import Overrides
from kvmreconcile.tree import Effect
from tests.plan.worlds import RUNNING, STOPPED, done, held, planned, remembered, seen, wish, world

POOL = wish("StoragePool/p", "<pool path='/srv'/>", power=RUNNING)
UP = seen(POOL, live="<pool path='/srv'/>")
DOWN = Unobservable("Volume/p/", "the storage pool p is not active", until=POOL.key)
ROOT = wish("Volume/p/root", "<volume pool='p'/>")
DATA = wish("Volume/p/data", "<volume pool='p'/>")
OVER = wish("Volume/p/over", "<volume pool='p' base='/srv/root'/>")
ON_ROOT = "<domain><disk dev='vda' file='/srv/root'/></domain>"
ON_OVER = "<domain><disk dev='vda' pool='p' volume='over'/></domain>"
WEB = wish("Domain/web", ON_ROOT, power=RUNNING)
KNOWN = [remembered(d) for d in (POOL, ROOT, DATA, OVER, WEB)]


@pytest.mark.case("2")
def test_guest_with_the_path_of_a_missing_volume_is_not_started() -> None:
    made = planned(world([POOL, ROOT, DATA, WEB], [UP, seen(DATA), seen(WEB)], KNOWN))

    assert done(made) == []
    assert held(made) == [("create Volume/p/root", "MISSING"), ("start Domain/web", "MISSING")]
    assert made.held[1].detail == "Volume/p/root does not exist"
    approved = planned(
        world([POOL, ROOT, DATA, WEB], [UP, seen(DATA), seen(WEB)], KNOWN), Overrides(approved=made.digest)
    )
    # The spec of the guest does not refer to the volume by name.
    assert done(approved) == ["create Volume/p/root"]
    assert [(h.hold, h.detail) for h in approved.held] == [
        (Hold.BROKEN, "Volume/p/root is created in this pass")
    ]


@pytest.mark.case("1")
def test_guest_with_a_missing_backing_volume_is_not_started_but_still_edited() -> None:
    web = wish("Domain/web", ON_OVER, power=RUNNING, autostart=True)
    there = [UP, seen(DATA), seen(OVER), seen(web, autostart=False)]
    made = planned(world([POOL, ROOT, DATA, OVER, web], there, KNOWN))

    assert done(made) == ["autostart Domain/web"]
    assert ("start Domain/web", "MISSING") in held(made)


@pytest.mark.case("2")
def test_guest_is_not_started_while_an_earlier_guest_cannot_start() -> None:
    shop = wish("Domain/shop", power=RUNNING, after=(WEB.key,))
    made = planned(world([POOL, ROOT, DATA, WEB, shop], [UP, seen(DATA), seen(WEB), seen(shop)], KNOWN))

    assert ("start Domain/shop", "ORDER") in held(made)


@pytest.mark.case("2")
@pytest.mark.parametrize("verb", ["restart", "replace"])
def test_running_guest_is_not_restarted_or_replaced_while_its_volume_is_missing(verb: str) -> None:
    old, new = ("<cpu>1</cpu>", "<cpu>2</cpu>") if verb == "restart" else ("", f"<uuid>{'1' * 32}</uuid>")
    wanted = wish("Domain/web", ON_ROOT.replace("</domain>", f"{new}</domain>"), max_effect=Effect.REPLACE)
    stored = wanted if verb == "restart" else wish("Domain/web", ON_ROOT)
    actual = seen(stored, live=ON_ROOT.replace("</domain>", f"{old}</domain>"))
    made = planned(
        world([POOL, ROOT, DATA, wanted], [UP, seen(DATA), actual], [*KNOWN[:4], remembered(stored)])
    )

    assert (f"{verb} Domain/web", "MISSING") in held(made)
    assert done(made) == []


@pytest.mark.case("2")
def test_guest_is_started_if_an_edit_replaces_its_missing_disk() -> None:
    web = wish("Domain/web", "<domain><disk dev='vda' file='/srv/data'/></domain>", power=RUNNING)
    there = [UP, seen(DATA), seen(WEB)]
    made = planned(world([POOL, ROOT, DATA, web], there, KNOWN))

    assert done(made) == ["define Domain/web", "start Domain/web"]


@pytest.mark.case("2")
def test_guest_with_a_missing_disk_is_stopped_if_its_spec_says_so() -> None:
    web = wish("Domain/web", ON_ROOT, power=STOPPED)
    made = planned(world([POOL, ROOT, DATA, web], [UP, seen(DATA), seen(web, live=ON_ROOT)], KNOWN))

    assert done(made) == ["stop Domain/web"]


@pytest.mark.case("2")
def test_active_guest_on_a_missing_volume_is_held_and_not_in_sync() -> None:
    there = [UP, seen(DATA), seen(WEB, live=ON_ROOT)]
    made = planned(world([POOL, ROOT, DATA, WEB], there, KNOWN))

    assert ("define Domain/web", "MISSING") in held(made)
    assert made.held[1].detail == "it is active, and Volume/p/root does not exist"
    assert WEB.key not in made.in_sync


@pytest.mark.case("2")
def test_running_guest_with_a_missing_disk_is_reported() -> None:
    there = [UP, seen(DATA), seen(WEB, live=ON_ROOT)]
    known = [*KNOWN[:4], remembered(WEB, runtime_id=1)]
    made = planned(world([POOL, ROOT, DATA, WEB], there, known))

    assert made.held[1].detail == "it is active, and Volume/p/root does not exist"


@pytest.mark.case("2")
def test_pending_changes_of_a_reported_guest_are_still_in_the_plan() -> None:
    web = wish("Domain/web", ON_ROOT.replace("</domain>", "<cpu>2</cpu></domain>"))
    live = ON_ROOT.replace("</domain>", "<cpu>1</cpu></domain>")
    made = planned(
        world([POOL, ROOT, DATA, web], [UP, seen(DATA), seen(web, live=live)], [*KNOWN[:4], remembered(web)])
    )

    assert [c.path for c in made.pending[web.key]] == ["cpu"]


@pytest.mark.case("2")
def test_only_selected_guests_are_reported() -> None:
    there = [UP, seen(DATA), seen(WEB, live=ON_ROOT)]
    made = planned(world([POOL, ROOT, DATA, WEB], there, KNOWN), Overrides(only=frozenset({ROOT.key})))

    assert [str(h.action.key) for h in made.held] == ["Volume/p/root"]


@pytest.mark.case("2")
def test_guest_is_not_started_while_its_pool_stays_inactive() -> None:
    pool = wish("StoragePool/p", "<pool path='/srv'/>", power=STOPPED)
    made = planned(world([pool, ROOT, WEB], [seen(pool), seen(WEB)], KNOWN, unobservable=(DOWN,)))

    assert ("start Domain/web", "UNKNOWN") in held(made)
    start = next(h for h in made.held if h.action.verb.name == "start")
    assert start.detail == "Volume/p/root cannot be observed: the storage pool p is not active"


@pytest.mark.case("2")
def test_guest_is_not_started_while_its_volume_cannot_be_observed() -> None:
    lost = Unknown(ROOT.key, "I/O error")
    made = planned(world([POOL, ROOT, WEB], [UP, lost, seen(WEB)], KNOWN))

    assert ("start Domain/web", "UNKNOWN") in held(made)


def test_guest_is_not_started_while_its_volume_without_spec_is_unobservable() -> None:
    pool = wish("StoragePool/p", power=STOPPED)
    web = wish("Domain/web", "<domain><disk pool='p' volume='root'/></domain>", power=RUNNING)
    made = planned(world([pool, web], [seen(pool), seen(web)], [remembered(web)], unobservable=(DOWN,)))

    assert held(made) == [("start Domain/web", "UNKNOWN")]


def test_guest_is_started_after_the_pool_of_its_volume() -> None:
    web = wish("Domain/web", "<domain><disk pool='p' volume='root'/></domain>", power=RUNNING)
    made = planned(world([POOL, ROOT, web], [seen(POOL), seen(web)], KNOWN, unobservable=(DOWN,)))

    assert done(made) == ["start StoragePool/p", "start Domain/web"]


@pytest.mark.case("2")
def test_guest_with_a_volume_path_waits_until_its_pool_is_observed() -> None:
    known = [remembered(d) for d in (POOL, ROOT, WEB)]
    made = planned(world([POOL, ROOT, WEB], [seen(POOL), seen(WEB)], known, unobservable=(DOWN,)))

    assert done(made) == ["start StoragePool/p"]
    assert [h.detail for h in made.held] == [
        "Volume/p/root can be observed only after the steps on StoragePool/p in this pass"
    ]


def test_guest_is_started_after_its_pool_is_recreated() -> None:
    web = wish("Domain/web", "<domain><disk pool='p' volume='root'/></domain>", power=RUNNING)
    made = planned(world([POOL, ROOT, web], [seen(web)], [*KNOWN[:4], remembered(web)]))

    assert done(made) == ["create StoragePool/p", "start StoragePool/p", "start Domain/web"]


@pytest.mark.case("2")
def test_guest_with_a_missing_volume_is_not_started_when_its_pool_is_edited() -> None:
    pool = replace(POOL, autostart=True)
    web = wish("Domain/web", ON_ROOT, power=RUNNING)
    made = planned(
        world([pool, ROOT, DATA, web], [replace(UP, autostart=False), seen(DATA), seen(web)], KNOWN)
    )

    assert done(made) == ["autostart StoragePool/p"]
    assert ("start Domain/web", "MISSING") in held(made)


@pytest.mark.case("2")
def test_guest_waits_for_volumes_held_by_the_creation_limit() -> None:
    scratch = [wish(f"Volume/p/s{n}", "<volume pool='p'/>", max_effect=Effect.DATA_LOSS) for n in range(4)]
    web = wish("Domain/web", "<domain><disk file='/srv/s0'/></domain>", power=RUNNING)
    known = [remembered(d) for d in (POOL, *scratch, web)]
    made = planned(world([POOL, *scratch, web], [UP, seen(web)], known))

    assert {hold for _, hold in held(made)} == {"BRAKE", "MISSING"}
    assert [h.hold for h in made.held if h.action.verb.name == "start"] == [Hold.MISSING]
