"""Volumes for which a plan relies on libvirt's list of a pool, which may be out of date."""

import pytest

from kvmreconcile.model import Actual, Key, Obstacle, Unknown, Unobservable, World
from kvmreconcile.plan import ComparisonCache
from kvmreconcile.plan.gates.outdated_lists import absent_data, relied_on
from tests.plan.worlds import BOOKS, RUNNING, STOPPED, done, held, planned, remembered, seen, wish, world

POOL = wish("StoragePool/p", power=RUNNING)
UP = seen(POOL, live="<pool/>")
ROOT = wish("Volume/p/root", "<volume pool='p'><format>qcow2</format></volume>")
DATA = wish("Volume/p/data", "<volume pool='p'/>")
DISK = "<disk dev='vda' pool='p' volume='root'/></domain>"
WEB = wish("Domain/web", "<domain>" + DISK, power=STOPPED)
NAME = Key("Volume", "p/root")
AWAY = Unobservable("Volume/p/", "the storage pool p is not active")

pytestmark = pytest.mark.case("47")


def relied(here: World) -> set[Key]:
    return relied_on(planned(here), here, BOOKS, ComparisonCache())


@pytest.mark.parametrize(
    "here",
    [
        pytest.param(world([POOL, ROOT], [UP]), id="it has a spec"),
        pytest.param(world([POOL, WEB], [UP]), id="a spec refers to it"),
        pytest.param(world([POOL], [UP], [remembered(ROOT)]), id="it is remembered"),
    ],
)
def test_referenced_volume_that_is_not_listed_is_absent(here: World) -> None:
    assert absent_data(here, BOOKS, ComparisonCache()) == {NAME}


@pytest.mark.parametrize(
    "here",
    [
        pytest.param(world([POOL, ROOT], [UP, seen(ROOT)]), id="it exists"),
        pytest.param(world([POOL, ROOT], [UP, Unknown(NAME, "no answer")]), id="it is unknown"),
        pytest.param(world([POOL, ROOT], [UP], unobservable=(AWAY,)), id="its pool is not active"),
        pytest.param(world([POOL], [UP]), id="not named"),
    ],
)
def test_observed_or_unobservable_data_is_not_absent(here: World) -> None:
    assert absent_data(here, BOOKS, ComparisonCache()) == set()


def test_plan_without_steps_relies_on_no_volume() -> None:
    everything = [POOL, ROOT, WEB]

    assert relied(world(everything, [UP, seen(ROOT), seen(WEB)], map(remembered, everything))) == set()


def test_plan_relies_on_a_volume_that_it_would_replace() -> None:
    raw = seen(ROOT, "<volume pool='p'><format>raw</format></volume>")

    assert relied(world([POOL, ROOT], [UP, raw], [remembered(POOL), remembered(ROOT)])) == {NAME}


def test_plan_relies_on_a_volume_with_unusable_content() -> None:
    known = [remembered(POOL), remembered(ROOT)]
    broken = {NAME: Obstacle("it is a damaged image", "restore it")}

    assert relied(world([POOL, ROOT], [UP, seen(ROOT)], known, obstacles=broken)) == {NAME}


def test_only_volumes_that_a_plan_begins_to_use_need_a_current_list() -> None:
    both = "<domain><disk dev='vda' pool='p' volume='root'/><disk dev='vdb' pool='p' volume='data'/></domain>"
    there, more = [UP, seen(ROOT), seen(DATA)], wish("Domain/web", both, power=STOPPED)

    assert relied(world([WEB], there)) == {NAME}
    assert relied(world([more], [*there, seen(WEB)], [remembered(WEB)])) == {DATA.key}


@pytest.mark.parametrize(
    ("volume", "unobservable"),
    [
        pytest.param([Unknown(NAME, "a job is running")], (), id="unknown"),
        pytest.param([], (Unobservable("Volume/p/", "a job is running"),), id="not listed"),
    ],
)
def test_object_that_begins_to_use_an_unobservable_volume_is_held(
    volume: list[Actual | Unknown], unobservable: tuple[Unobservable, ...]
) -> None:
    made = planned(world([WEB], [UP, *volume], unobservable=unobservable))

    assert done(made) == []
    assert held(made) == [("create Domain/web", "UNKNOWN")]
    assert made.held[0].detail == "Volume/p/root cannot be observed: a job is running"
    assert made.held[0].release == "wait until Volume/p/root can be observed"


def test_object_is_not_held_if_its_unobservable_volume_is_in_use_or_has_a_spec() -> None:
    unknown = Unknown(NAME, "a job is running")
    edited = wish("Domain/web", "<domain><memory>2</memory>" + DISK, power=STOPPED)

    assert done(planned(world([edited], [UP, unknown, seen(WEB)], [remembered(WEB)]))) == [
        "define Domain/web"
    ]
    assert done(planned(world([POOL, ROOT, WEB], [UP, unknown], [remembered(POOL)]))) == ["create Domain/web"]
