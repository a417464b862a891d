"""The order of objects by their dependencies, and objects that cannot be ordered."""

from kvmreconcile.model import Apply, Key, Unknown, Unobservable
from kvmreconcile.plan import Overrides
from kvmreconcile.plan.order.references import sort_by_needs
from tests.plan.worlds import RUNNING, done, held, needs, planned, remembered, seen, wish, world

POOL = wish("StoragePool/p", power=RUNNING)
ROOT = wish("Volume/p/root", '<volume pool="p"/>')
WEB = wish("Domain/web", '<domain><disk dev="vda" pool="p" volume="root"/></domain>', power=RUNNING)


def test_objects_are_created_after_the_objects_they_need() -> None:
    made = planned(world([WEB, ROOT, POOL]))

    assert done(made) == [
        "create StoragePool/p",
        "start StoragePool/p",
        "create Volume/p/root",
        "create Domain/web",
        "start Domain/web",
    ]
    assert needs(made) == {
        "StoragePool/p": [],
        "Volume/p/root": ["StoragePool/p"],
        "Domain/web": ["Volume/p/root"],
    }


def test_domain_on_an_unchanged_volume_waits_for_the_start_of_its_pool() -> None:
    there = [seen(POOL), seen(ROOT), seen(WEB)]
    made = planned(world([WEB, ROOT, POOL], there, [remembered(o) for o in (WEB, ROOT, POOL)]))

    assert done(made) == ["start StoragePool/p", "start Domain/web"]
    assert needs(made)["Domain/web"] == ["StoragePool/p"]


def test_dependency_cycle_is_reported_once_and_holds_only_its_dependents() -> None:
    a, b = (wish(f"Domain/{one}", f'<domain><peer name="{other}"/></domain>') for one, other in ("ab", "ba"))
    c = wish("Domain/c", '<domain><peer name="a"/></domain>')
    made = planned(world([b, c, a, POOL]))

    assert [str(p) for p in made.problems] == [
        "a.yaml:3:1: dependency cycle: Domain/a → Domain/b → Domain/a; remove one of these references"
    ]
    assert done(made) == ["create StoragePool/p", "start StoragePool/p"]
    assert held(made) == [("create Domain/c", "BROKEN")]


def test_two_dependency_cycles_are_both_reported() -> None:
    pairs = [("a", "b"), ("b", "a"), ("y", "z"), ("z", "y")]
    made = planned(world(wish(f"Domain/{a}", f'<domain><peer name="{b}"/></domain>') for a, b in pairs))

    assert len(made.problems) == 2


def test_order_by_needs_does_not_depend_on_the_input_order() -> None:
    keys = [Key("Domain", name) for name in "abcd"]
    edges = {keys[0]: [keys[1]], keys[1]: [keys[0]], keys[3]: [keys[2]], keys[2]: []}

    assert (
        sort_by_needs(edges)
        == sort_by_needs(dict(reversed(edges.items())))
        == ((keys[2], keys[3]), ((keys[0], keys[1]),))
    )


def test_reference_to_a_missing_object_is_a_problem_at_its_line() -> None:
    web = wish("Domain/web", '<domain><nic mac="1" network="lan" mirror="none"/></domain>')
    made = planned(world([web]))

    assert [str(p) for p in made.problems] == [
        "web.yaml:3:1: Domain/web refers to Network/lan, which no spec defines and which does not exist on the host; add a spec for it, or correct the name"
    ]
    assert made.is_empty


def test_references_to_unobservable_frozen_or_unknown_objects_are_no_problems() -> None:
    web = wish(
        "Domain/web", '<domain><nic mac="1" network="lan"/><nic mac="2" network="wan" mirror="m"/></domain>'
    )
    unobservable = (Unobservable("Network/w", "no daemon"),)
    made = planned(world([web], unobservable=unobservable, frozen=frozenset({Key("Network", "lan")})))

    assert made.problems == ()


def test_dependent_of_a_missing_frozen_object_is_held() -> None:
    web = wish("Domain/web", '<domain><nic mac="1" network="lan"/></domain>')
    lan = wish("Network/lan")
    made = planned(world([web, lan], frozen=frozenset({lan.key})))

    assert held(made) == [("create Domain/web", "BROKEN")]
    assert made.held[0].detail == "Network/lan does not exist, and its spec or state record has errors"


def test_dependents_of_a_held_creation_are_held_transitively() -> None:
    pool = wish("StoragePool/p", apply=Apply.OBSERVE)
    made = planned(world([WEB, ROOT, pool]))

    assert done(made) == []
    assert held(made) == [
        ("create StoragePool/p", "OBSERVE"),
        ("create Volume/p/root", "BROKEN"),
        ("create Domain/web", "BROKEN"),
        ("start Domain/web", "BROKEN"),
    ]
    assert made.held[1].detail == 'StoragePool/p is not created: the spec sets "apply: observe"'


def test_dependent_of_an_object_with_a_problem_is_held() -> None:
    root = wish("Volume/p/root", '<volume pool="q"/>')
    made = planned(world([WEB, root, POOL]))

    assert held(made) == [("create Domain/web", "BROKEN"), ("start Domain/web", "BROKEN")]
    assert made.held[0].detail == "Volume/p/root refers to StoragePool/q, which does not exist"


def test_dependent_of_a_missing_unselected_object_is_held() -> None:
    made = planned(world([WEB, ROOT, POOL]), Overrides(only=frozenset({WEB.key})))

    assert held(made) == [("create Domain/web", "BROKEN"), ("start Domain/web", "BROKEN")]
    assert "is not selected by --only" in made.held[0].detail


def test_dependent_of_an_existing_held_object_is_planned() -> None:
    root = wish("Volume/p/root", '<volume pool="p"><format>raw</format></volume>')
    there = [seen(POOL, live="<pool/>"), seen(root, '<volume pool="p"><format>qcow2</format></volume>')]
    made = planned(world([WEB, root, POOL], there, [remembered(root), remembered(POOL)]))

    assert held(made) == [("replace Volume/p/root", "EFFECT")]
    assert done(made) == ["create Domain/web", "start Domain/web"]


def test_volume_in_a_pool_to_be_started_is_neither_held_nor_in_sync() -> None:
    unobservable = (Unobservable("Volume/p/", "the pool is inactive", POOL.key),)
    made = planned(
        world([WEB, ROOT, POOL], [seen(POOL), seen(WEB)], map(remembered, (POOL, ROOT, WEB)), unobservable)
    )

    assert done(made) == ["start StoragePool/p", "start Domain/web"]
    assert ROOT.key not in (*made.in_sync, *made.records, *(h.action.key for h in made.held))
    assert needs(made)["Domain/web"] == ["StoragePool/p"]


def test_volume_in_a_pool_that_stays_inactive_is_held_as_unknown() -> None:
    pool = wish("StoragePool/p")
    unobservable = (Unobservable("Volume/p/", "the pool is inactive", pool.key),)
    made = planned(world([ROOT, pool], [seen(pool)], [remembered(pool)], unobservable))

    assert held(made) == [("define Volume/p/root", "UNKNOWN")]
    assert made.held[0].detail == "the pool is inactive"


def test_new_volume_in_a_pool_whose_start_is_held_is_held() -> None:
    pool = wish("StoragePool/p", power=RUNNING, apply=Apply.OBSERVE)
    unobservable = (Unobservable("Volume/p/", "the pool is inactive", pool.key),)
    made = planned(world([ROOT, pool], [seen(pool)], [remembered(pool)], unobservable))

    assert held(made) == [("start StoragePool/p", "OBSERVE"), ("create Volume/p/root", "UNKNOWN")]


def test_unknown_object_is_held_and_never_created() -> None:
    made = planned(
        world([WEB, ROOT, POOL], [seen(POOL, live="<pool/>"), seen(ROOT), Unknown(WEB.key, "timeout")])
    )

    assert held(made) == [("define Domain/web", "UNKNOWN")]
    assert made.held[0].detail == "timeout"


def test_objects_of_a_kind_that_cannot_be_listed_are_unknown() -> None:
    made = planned(world([POOL], unobservable=(Unobservable("StoragePool/", "no virtstoraged"),)))

    assert held(made) == [("define StoragePool/p", "UNKNOWN")]


def test_shared_dependency_is_listed_once() -> None:
    lan = wish("Network/lan", power=RUNNING)
    xml = '<domain><nic mac="1" network="lan"/><peer name="{}"/></domain>'
    a, b, c = (
        wish(f"Domain/{one}", xml.format(other)) for one, other in (("a", "b"), ("b", "c"), ("c", "c"))
    )
    made = planned(world([a, b, c, lan], [seen(o) for o in (b, c, lan)], map(remembered, (b, c, lan))))

    assert needs(made) == {"Network/lan": [], "Domain/a": ["Network/lan"]}


def test_dependent_of_conflicting_specs_names_both_specs() -> None:
    bridge = "<network><bridge>b</bridge></network>"
    networks = [wish(f"Network/{name}", bridge, power=RUNNING) for name in ("one", "two")]
    web = wish("Domain/web", "<domain><nic mac='1' network='one'/></domain>")

    (held,) = planned(world([*networks, web])).held

    why = "is left out, because its spec and the spec of Network/two have the same bridge b"
    assert held.detail == f"Network/one {why}"
