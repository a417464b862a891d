"""Edits that the host's libvirt does not support are held before they are stored."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Hold, Obstacle, Plan, World
from kvmreconcile.plan import Overrides, plan
from kvmreconcile.tree import Node, Table, UnsupportedSetting
from kvmreconcile.tree.variants import for_version
from tests.plan.worlds import BOOKS, RUNNING, done, held, seen, wish, world

WHY = "nic 1: a tag needs libvirt 11.0.0 or newer (https://example.org)"
TAGGED = '<domain><memory>1</memory><nic mac="1" tag="7" net="lan"/></domain>'
PLAIN = '<domain><memory>1</memory><nic mac="1" net="lan"/></domain>'


def is_tagged(nic: Node, network: Node | None) -> bool:
    return nic.attr("tag") is not None and network is not None and network.attr("smart") is None


OF_NETWORK = ("Network", "@net")


def made(
    seen_: World,
    version: tuple[int, int, int] = (9, 0, 0),
    beside: tuple[str, str] | None = OF_NETWORK,
) -> Plan:
    row = UnsupportedSetting(
        when=is_tagged if beside else lambda nic, _: nic.attr("tag") is not None,
        what="a tag",
        todo="take it out",
        until=(11, 0, 0),
        source="https://example.org",
        beside=beside,
    )
    book = BOOKS["Domain"]
    rules = for_version(replace(book.rules, unsupported=Table({"nic": (row,)})), version)
    return plan(seen_, {**BOOKS, "Domain": replace(book, rules=rules)}, Overrides(approved="any"))


@pytest.mark.case("12a")
@pytest.mark.parametrize("beside", [OF_NETWORK, None])
def test_unsupported_edit_is_held_before_it_is_stored(beside: tuple[str, str] | None) -> None:
    network, guest = wish("Network/lan"), wish("Domain/web", TAGGED, power=RUNNING)

    result = made(world([network, guest], [seen(network), seen(guest, PLAIN, live=PLAIN)]), beside=beside)

    assert done(result) == []
    assert {(each.hold, each.detail, each.release) for each in result.held} == {
        (Hold.UNSUPPORTED, WHY, "take it out")
    }


@pytest.mark.case("12a")
def test_new_object_that_needs_a_newer_libvirt_is_held() -> None:
    network = wish("Network/lan")

    result = made(world([network, wish("Domain/web", TAGGED, power=RUNNING)], [seen(network)]))

    assert done(result) == []
    assert ("create Domain/web", "UNSUPPORTED") in held(result)


def test_edit_is_made_with_a_newer_libvirt() -> None:
    network, guest = wish("Network/lan"), wish("Domain/web", TAGGED)

    result = made(world([network, guest], [seen(network), seen(guest, PLAIN)]), version=(11, 0, 0))

    assert held(result) == []
    assert done(result) != []


def test_stored_unsupported_element_does_not_hold_other_edits() -> None:
    network = wish("Network/lan")
    guest = wish("Domain/web", TAGGED.replace("<memory>1", "<memory>2"))

    result = made(world([network, guest], [seen(network), seen(guest, TAGGED)]))

    assert held(result) == []
    assert done(result) != []


@pytest.mark.parametrize("xml", ['<network smart="1"/>', None])
def test_edit_is_made_if_the_referenced_network_supports_it_or_is_unknown(xml: str | None) -> None:
    networks = [wish("Network/lan", xml)] if xml else []
    tree = TAGGED if xml else TAGGED.replace(' net="lan"', "")
    guest = wish("Domain/web", tree)

    result = made(world([*networks, guest], [*map(seen, networks), seen(guest, PLAIN)]))

    assert held(result) == []
    assert done(result) != []


@pytest.mark.case("38g")
def test_all_actions_that_need_a_missing_component_are_held() -> None:
    network, guest = wish("Network/lan"), wish("Domain/web", TAGGED, power=RUNNING)
    lacking = {guest.key: Obstacle("it needs a part", "install it")}

    result = made(replace(world([network, guest], [seen(network)]), lacking=lacking), (11, 0, 0))

    assert done(result) == []
    assert {(each.hold, each.detail, each.release) for each in result.held} == {
        (Hold.HOST, "it needs a part", "install it")
    }
