"""A lost state is detected by our marks on the host, and objects that may be suspended are held."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Actual, Key, OwnershipMark, Suspension, Unknown, Unobservable, World
from kvmreconcile.plan import Overrides
from kvmreconcile.plan.lost_state import find_loss
from tests.plan.worlds import BOOKS, NOW, RUNNING, done, held, planned, remembered, seen, wish, world

WEB = wish("Domain/web", "<domain><memory>2</memory></domain>")
POOL = wish("StoragePool/p", power=RUNNING)
ROOT = wish("Volume/p/root", '<volume pool="p"><capacity>9</capacity></volume>')
DISK = '<domain><disk dev="a" pool="p" volume="root"/></domain>'
UP = seen(POOL, live="<pool/>")
OTHER = "11111111-1111-4111-8111-111111111111"
LOST = "the state was lost"

pytestmark = pytest.mark.case("15b")


def lost(*arguments: object, **more: object) -> World:
    return replace(world(*arguments, **more), lost=LOST)  # type: ignore[arg-type] # as of `world`


def test_host_without_our_marks_has_lost_no_state() -> None:
    theirs = Actual(Key("Domain", "theirs"), OTHER, "<domain/>")
    others = replace(theirs, ownership_mark=OwnershipMark("elsewhere", "Domain/theirs", OTHER))
    copied = replace(theirs, ownership_mark=OwnershipMark("lab", "Domain/original", "uuid of the original"))

    for each in (theirs, others, copied):
        assert find_loss(world([WEB, POOL], [each]), BOOKS) == ""


@pytest.mark.parametrize("wanted", [(), (WEB,)])
def test_our_mark_on_an_unrecorded_object_is_a_sign_of_a_lost_state(wanted: tuple[object, ...]) -> None:
    found = find_loss(world(wanted, [seen(WEB)]), BOOKS)  # type: ignore[arg-type] # a tuple of wishes

    assert found.startswith(
        'the state of instance "lab" seems to be lost: 1 object has the mark or a derived UUID of this instance (Domain/web) and is not in the state'
    )
    assert "kvmreconcile state accept" in found
    assert "--state" in found


def test_our_mark_on_a_renamed_object_is_a_sign_of_a_lost_state() -> None:
    renamed = replace(seen(WEB), key=Key("Domain", "renamed"))

    assert "(Domain/renamed)" in find_loss(world([], [renamed]), BOOKS)


def test_uuid_derived_by_this_instance_is_a_sign_of_a_lost_state() -> None:
    assert "(StoragePool/p)" in find_loss(world([POOL], [UP]), BOOKS)


def test_message_about_a_lost_state_names_only_a_few_objects() -> None:
    many = [seen(wish(f"Domain/d{number}")) for number in range(5)]

    assert (
        "5 objects have the mark or a derived UUID of this instance (Domain/d0, Domain/d1, Domain/d2, …)"
        in find_loss(world([], many), BOOKS)
    )


def test_recorded_objects_are_no_sign_of_a_lost_state() -> None:
    assert find_loss(world([WEB], [seen(WEB)], [remembered(WEB)]), BOOKS) == ""


@pytest.mark.parametrize(
    ("there", "unobservable"),
    [([Unknown(WEB.key, "it failed")], ()), ([], (Unobservable("Domain/", "it failed", lost=True),))],
)
def test_state_may_be_lost_if_marks_cannot_be_observed(
    there: list[Unknown], unobservable: tuple[Unobservable, ...]
) -> None:
    found = find_loss(world([WEB], there, unobservable=unobservable), BOOKS)

    assert found.startswith('it is unknown whether the state of instance "lab" was lost: Domain/')
    assert "it failed" in found


@pytest.mark.parametrize(
    "unobservable",
    [
        Unobservable("Volume/p/", "the pool is not active"),
        Unobservable("Domain/", "not supported by the connection driver", unsupported=True),
        Unobservable("Mirror/", "a kind that is not known here"),
    ],
)
def test_kinds_without_marks_need_not_be_observed(unobservable: Unobservable) -> None:
    assert (
        find_loss(world([WEB], [Unknown(ROOT.key, "it failed")], unobservable=(unobservable,)), BOOKS) == ""
    )


def test_existing_objects_are_held_after_loss_of_the_state() -> None:
    running = wish("Domain/db", power=RUNNING)
    made = planned(lost([WEB, running], [seen(WEB, "<domain><memory>1</memory></domain>"), seen(running)]))

    assert done(made) == []
    assert set(held(made)) == {("define Domain/web", "LOST_STATE"), ("start Domain/db", "LOST_STATE")}
    assert "kvmreconcile state accept" in made.held[0].release
    assert made.lost == LOST


def test_approval_does_not_release_objects_held_for_a_lost_state() -> None:
    seen_world = lost([WEB], [seen(WEB, "<domain><memory>1</memory></domain>")])
    digest = planned(seen_world).digest

    made = planned(seen_world, Overrides(approved=digest))

    assert (done(made), held(made)) == ([], [("define Domain/web", "LOST_STATE")])


def test_object_in_sync_is_not_recorded_after_loss_of_the_state() -> None:
    made = planned(lost([POOL, ROOT], [UP, seen(ROOT)]))

    assert set(made.in_sync) == {POOL.key, ROOT.key}
    assert made.records == ()
    assert set(planned(world([POOL, ROOT], [UP, seen(ROOT)])).records) == {POOL.key, ROOT.key}


def test_object_without_a_trace_on_the_host_is_created() -> None:
    network = wish("Network/lan")
    made = planned(lost([POOL, ROOT, network, wish("Domain/web", DISK)], [seen(wish("Network/other"))]))

    assert done(made) == [
        "create Network/lan", "create StoragePool/p", "start StoragePool/p", "create Volume/p/root", "create Domain/web",
    ]  # fmt: skip


@pytest.mark.parametrize("there", [[UP], [UP, seen(ROOT)]])
def test_existing_volume_or_pool_is_a_trace_of_objects_that_refer_to_it(there: list[Actual]) -> None:
    made = planned(lost([POOL, ROOT, wish("Domain/web", DISK)], there))

    assert done(made) == []
    assert ("create Domain/web", "LOST_STATE" if len(there) > 1 else "BROKEN") in held(made)


def test_existing_guest_is_no_trace_of_objects_that_refer_to_it() -> None:
    lan = replace(wish("Domain/router"), tree=WEB.tree)
    peer = wish("Domain/web", '<domain><peer name="router"/></domain>')

    assert done(planned(lost([lan, peer], [seen(lan)]))) == ["create Domain/web"]


def test_guest_is_not_renamed_after_loss_of_the_state() -> None:
    renamed = wish("Domain/shop", f"<domain><uuid>{WEB.creation.uuid}</uuid><memory>2</memory></domain>")

    assert done(planned(world([renamed], [seen(WEB)]))) == ["rename Domain/shop"]
    assert held(planned(lost([renamed], [seen(WEB)]))) == [("rename Domain/shop", "LOST_STATE")]


def test_object_created_after_loss_of_the_state_is_managed() -> None:
    made = planned(
        lost(
            [WEB, POOL, ROOT],
            [seen(WEB, "<domain><memory>1</memory></domain>"), UP],
            [remembered(WEB), remembered(POOL)],
        )
    )

    assert set(done(made)) == {"define Domain/web", "create Volume/p/root"}


def test_known_suspension_is_reported_instead_of_the_lost_state() -> None:
    seen_world = lost([WEB], [seen(WEB, "<domain><memory>1</memory></domain>")])
    made = planned(replace(seen_world, suspended={WEB.key: Suspension(NOW)}))

    assert held(made) == [("define Domain/web", "SUSPENDED")]
