"""Networks on libvirt's test driver, which has one definition of each and no flag INACTIVE."""

from collections.abc import Iterator

import pytest

from kvmreconcile.errors import NotFound, Rejected
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds.network import KIND
from kvmreconcile.model import Action, Actual, Key, Reason, Unobservable
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect, parse
from tests.kinds.network.bench import Bench, desired_from, verbs
from tests.mock import OWN

SPEC = """
mode: nat
addresses: [{address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.10, end: 192.0.2.20}]}}]
"""
LAB = Key("Network", "lab")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with connect(OWN) as connection:
        yield Bench(connection)


def act(bench: Bench, verb: str, xml: str | None = None) -> None:
    tree = parse(xml) if xml else None
    bench.driver.perform(bench.connection, Action(LAB, verb_of(verb), Effect.LIVE, Reason.NEW, tree=tree))


def test_new_network_is_in_sync_after_it_is_created_and_started() -> None:
    with connect(OWN) as connection:
        bench = Bench(connection)
        done = bench.apply(desired_from(SPEC + "autostart: true"))

        assert verbs(done) == ["create", "autostart", "start"]
        actual = bench.actual(LAB)
        assert actual is not None
        assert (actual.active, actual.autostart, actual.persistent) == (True, True, True)
        assert bench.plan(desired_from(SPEC + "autostart: true")).is_empty


def test_network_with_state_stopped_is_stopped_and_kept(bench: Bench) -> None:
    bench.apply(desired_from(SPEC))

    assert verbs(bench.apply(desired_from(SPEC + "state: stopped\nautostart: false"))) == ["stop"]

    actual = bench.actual(LAB)
    assert actual is not None
    assert not actual.active
    assert actual.live_xml is None


def test_edit_of_inactive_network_keeps_its_identity(bench: Bench) -> None:
    stopped = SPEC + "state: stopped\n"
    bench.apply(desired_from(stopped))
    before = bench.actual(LAB)

    assert verbs(bench.apply(desired_from(stopped + "mtu: 1400"))) == ["define"]

    after = bench.actual(LAB)
    assert before is not None
    assert after is not None
    assert after.tree.get("mtu/@size") == "1400"
    for path in ("uuid", "mac/@address"):
        assert after.tree.get(path) == before.tree.get(path) is not None
    assert bench.plan(desired_from(stopped + "mtu: 1400")).is_empty


def test_entry_removed_from_spec_is_removed_from_network(bench: Bench) -> None:
    stopped = SPEC + "state: stopped\n"
    bench.apply(desired_from(stopped + "domain: {name: lab, localOnly: true}"))

    assert verbs(bench.apply(desired_from(stopped))) == ["define"]

    actual = bench.actual(LAB)
    assert actual is not None
    assert actual.tree.child("domain") is None


@pytest.mark.parametrize("verb", ["start", "stop", "autostart", "no-autostart", "remove"])
def test_verbs_are_idempotent(bench: Bench, verb: str) -> None:
    bench.apply(desired_from(SPEC))

    act(bench, verb)
    once = bench.actual(LAB)
    act(bench, verb)

    assert bench.actual(LAB) == once


def test_removed_network_is_absent(bench: Bench) -> None:
    bench.apply(desired_from(SPEC))

    act(bench, "remove")

    assert bench.actual(LAB) is None


def test_unmanaged_network_is_held_until_adopted_and_then_marked(bench: Bench) -> None:
    bench.connection.virt.networkDefineXML(
        "<network><name>lab</name><ip address='192.0.2.1' netmask='255.255.255.0'/></network>"
    )
    spec = "state: stopped\naddresses: [192.0.2.1/24]\n"

    assert [h.hold.name for h in bench.plan(desired_from(spec)).held] == ["CONFLICT"]
    assert verbs(bench.apply(desired_from(spec + "adopt: true"))) == ["own"]
    actual = bench.actual(LAB)
    assert actual is not None
    assert actual.ownership_mark is not None
    assert (actual.ownership_mark.instance, actual.ownership_mark.uuid) == ("bench", actual.uuid)
    assert bench.plan(desired_from(spec)).is_empty


def test_other_metadata_is_kept(bench: Bench) -> None:
    xml = "<network><name>lab</name><metadata><a:b xmlns:a='urn:a'>text</a:b></metadata></network>"
    bench.connection.virt.networkDefineXML(xml)

    bench.apply(desired_from("state: stopped\nmtu: 1400\nadopt: true"))

    actual = bench.actual(LAB)
    assert actual is not None
    assert actual.tree.get("metadata/{urn:a}b") == "text"
    assert actual.ownership_mark is not None


def test_schema_rejects_elements_that_libvirt_ignores(bench: Bench) -> None:
    with pytest.raises(Rejected, match=r"(?s)Network/lab: .*typo"):
        act(bench, "create", "<network><name>lab</name><typo/></network>")


def test_change_of_a_network_that_vanished_raises_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="Network/lab"):
        act(bench, "start")


def test_transient_network_is_observed_as_not_persistent(bench: Bench) -> None:
    bench.connection.virt.networkCreateXML("<network><name>lab</name></network>")

    actual = bench.actual(LAB)

    assert isinstance(actual, Actual)
    assert (actual.active, actual.persistent) == (True, False)


def test_lost_connection_makes_all_networks_unobservable(bench: Bench) -> None:
    connection = connect(OWN)
    connection.close()

    seen = KIND.driver().observe(connection)

    assert not seen.objects
    assert [type(b) for b in seen.unobservable] == [Unobservable]
    assert seen.unobservable[0].prefix == "Network/"


@pytest.mark.parametrize("count", [50])
def test_observing_makes_one_call_per_network_and_a_few_list_calls(bench: Bench, count: int) -> None:
    for number in range(count):
        bench.connection.virt.networkDefineXML(f"<network><name>n{number}</name></network>")
    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            def call(*arguments: object) -> object:
                calls.append(name)
                return getattr(bench.connection.virt, name)(*arguments)

            return call

    class Counted:
        virt = Counting()

    assert len(KIND.driver().observe(Counted()).objects) == count
    assert set(calls) == {"listAllNetworks"}
    assert len(calls) <= 4
    calls.clear()
    assert [key.name for key in KIND.driver().observe(Counted(), ["n1", "none"]).objects] == ["n1"]
    assert calls == ["networkLookupByName"] * 2
