"""The order of removals and of the creation of successors."""

from typing import Any

import pytest

from kvmreconcile.model import Applied, Desired, FirstSeen, Prune, World
from kvmreconcile.plan import Limit, Limits, Overrides
from tests.plan.worlds import RUNNING, done, held, needs, planned, remembered, seen, wish, world

KEEP = wish("Domain/keep")
WIDE = Limits(delete=Limit(1.0, 10))


def network(name: str, subnet: str = "192.0.2.1", **more: Any) -> Desired:
    return wish(f"Network/{name}", f"<network><name>{name}</name><ip>{subnet}</ip></network>", **more)


def guest(name: str, network: str, mac: str = "m1") -> Desired:
    return wish(f"Domain/{name}", f'<domain><nic mac="{mac}" network="{network}"/></domain>')


LAN, NEW = network("lan"), network("new", power=RUNNING)


def host(
    wanted: list[Desired], there: list[Desired], known: list[Desired] | None = None, **more: Any
) -> World:
    every = [KEEP, *there]
    remember: list[Applied] = [remembered(o) for o in ([KEEP, *known] if known is not None else every)]
    return world([KEEP, *wanted], map(seen, every), remember, **more)


@pytest.mark.case("6c")
def test_network_in_use_is_not_renamed_and_advice_is_given() -> None:
    web, moved = guest("web", "lan"), guest("web", "new")
    here = host([NEW, moved], [LAN, web], prune={"Network": Prune.CONFIRM})
    made = planned(here, limits=WIDE)

    assert done(made) == []
    assert held(made)[:2] == [("create Network/new", "RENAME"), ("start Network/new", "RENAME")]
    assert "objects that refer to Network/lan: Domain/web" in made.held[0].detail
    assert made.held[0].release.endswith("; or remove Network/lan first: virsh remove lan")
    assert ("define Domain/web", "BROKEN") in held(made)
    assert ("remove Network/lan", "PROTECTED") in held(made)
    assert done(planned(here, Overrides(approved=made.digest), WIDE)) == []


@pytest.mark.case("6c")
def test_unused_network_is_removed_before_its_successor_is_created() -> None:
    made = planned(host([NEW], [LAN]), limits=WIDE)

    assert done(made) == ["remove Network/lan", "create Network/new", "start Network/new"]
    assert needs(made) == {"Network/lan": [], "Network/new": ["Network/lan"]}


@pytest.mark.case("6c")
def test_unused_network_is_renamed_after_approval() -> None:
    here = host([NEW], [LAN], prune={"Network": Prune.CONFIRM})
    made = planned(here, limits=WIDE)

    assert held(made) == [
        ("create Network/new", "RENAME"),
        ("start Network/new", "RENAME"),
        ("remove Network/lan", "PRUNE"),
    ]
    assert "approve this plan" in made.held[0].release
    assert done(planned(here, Overrides(approved=made.digest), WIDE)) == [
        "remove Network/lan",
        "create Network/new",
        "start Network/new",
    ]


@pytest.mark.case("6c")
def test_pool_that_is_never_removed_is_not_created_under_another_name() -> None:
    old, new = (wish(f"StoragePool/{n}", "<pool><path>/srv</path></pool>") for n in ("old", "new"))
    made = planned(host([new], [old]))

    assert held(made) == [("create StoragePool/new", "RENAME")]
    back = 'set the name back to "old" in its spec'
    assert made.held[0].release == f"{back}; or remove StoragePool/old first"


def test_network_with_another_subnet_is_not_a_rename() -> None:
    made = planned(host([network("new", "198.51.100.1")], [LAN]), limits=WIDE)

    assert done(made) == ["create Network/new", "remove Network/lan"]
    assert needs(made) == {"Network/lan": [], "Network/new": []}


def test_unselected_network_is_not_removed_for_its_successor() -> None:
    made = planned(host([NEW], [LAN]), Overrides(only=frozenset({NEW.key})), WIDE)

    assert done(made) == []
    assert held(made) == [("create Network/new", "RENAME"), ("start Network/new", "RENAME")]


def test_renamed_network_waits_for_specs_that_cannot_be_read() -> None:
    made = planned(host([NEW], [LAN], complete=False), limits=WIDE)

    assert held(made)[0] == ("create Network/new", "INCOMPLETE")


@pytest.mark.case("6d")
def test_removal_runs_after_the_creation_of_the_successor() -> None:
    lan = network("lan")
    made = planned(host([lan, guest("new", "lan")], [lan, guest("old", "lan")]), limits=WIDE)

    assert done(made) == ["create Domain/new", "remove Domain/old"]
    assert needs(made) == {"Domain/new": [], "Domain/old": ["Domain/new"]}


@pytest.mark.case("6d")
def test_removal_is_held_while_the_creation_of_the_successor_is_held() -> None:
    lan, gone = network("lan"), network("gone", "198.51.100.1")
    old = wish("Domain/old", '<domain><nic mac="m1" network="lan"/><nic mac="m2" network="gone"/></domain>')
    here = host([lan, guest("new", "lan")], [lan, gone, old])

    made = planned(here, Overrides(only=frozenset({old.key, gone.key})), WIDE)

    assert done(made) == []
    assert held(made) == [("remove Domain/old", "SUCCESSOR"), ("remove Network/gone", "PROTECTED")]
    assert made.held[0].detail == "Domain/new, which claims its MAC address m1, is not created in this pass"


@pytest.mark.case("6d")
def test_removal_runs_after_the_start_of_a_successor_that_exists() -> None:
    lan, new = network("lan"), guest("new", "lan")
    starts = wish("Domain/new", '<domain><nic mac="m1" network="lan"/></domain>', power=RUNNING)
    here = host([lan, starts], [lan, new, guest("old", "lan")])

    assert needs(planned(here, limits=WIDE)) == {"Domain/new": [], "Domain/old": ["Domain/new"]}


def test_removal_does_not_wait_for_a_start_that_needs_the_removal() -> None:
    made = planned(host([NEW], [LAN, NEW]), limits=WIDE)

    assert needs(made) == {"Network/lan": [], "Network/new": []}


def test_removal_does_not_wait_for_guests_of_another_network() -> None:
    lan, wan = network("lan"), network("wan", "198.51.100.1")
    made = planned(host([lan, wan, guest("new", "wan")], [lan, wan, guest("old", "lan")]), limits=WIDE)

    assert needs(made) == {"Domain/new": [], "Domain/old": []}


def test_network_that_is_only_in_a_running_definition_is_in_use() -> None:
    web = wish("Domain/web")
    here = world(
        [KEEP, web],
        [seen(KEEP), seen(LAN), seen(web, live='<domain><nic mac="m1" network="lan"/></domain>')],
        [remembered(o) for o in (KEEP, web, LAN)],
    )

    assert ("remove Network/lan", "PROTECTED") in held(planned(here, limits=WIDE))


def test_advice_is_to_wait_while_a_network_removal_waits_for_settle_time() -> None:
    made = planned(host([NEW], [LAN], first_seen=FirstSeen(1000.0, {}, 996.0)), limits=WIDE)

    assert held(made)[-1] == ("remove Network/lan", "SETTLE")
    assert made.held[0].release.endswith(
        "; or wait until the removal of Network/lan is no longer held, or approve this plan"
    )


def test_advice_is_to_approve_if_a_limit_holds_a_network_removal() -> None:
    other = network("other", "198.51.100.1")
    made = planned(host([NEW], [LAN, other]), limits=Limits(delete=Limit(0.1, 1)))

    assert ("remove Network/lan", "BRAKE") in held(made)
    assert made.held[0].release.endswith("; or approve this plan, which removes Network/lan first")
