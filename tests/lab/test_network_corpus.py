"""libvirt's own network definitions on a real libvirtd: no false difference is reported, and none is missed."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import pytest

from kvmreconcile.host.connection import connect
from tests.kinds.network.bench import Bench, desired_by, plan_for
from tests.kinds.network.corpus import (
    accepted,
    changes_by_adoption,
    changes_by_xml,
    lines,
    mutations,
    recreated,
    seen,
)
from tests.lab.lab import Lab

pytestmark = pytest.mark.figures


@pytest.fixture
def bench(lab: Lab) -> Iterator[Bench]:
    with connect(lab.uri) as connection:
        yield Bench(connection)


def test_unmodified_definition_has_no_changes(bench: Bench) -> None:
    found = {file: changes_by_xml(bench, text, key) for file, text, key in accepted(bench)}

    print(f"no change by the engine alone: {sum(not c for c in found.values())} of {len(found)}")
    assert len(found) >= 28
    assert {file: changes for file, changes in found.items() if changes} == {}


def test_adopted_definition_has_no_changes_and_recreates_the_same_network(bench: Bench) -> None:
    shares: dict[str, float] = {}
    for file, _text, key in accepted(bench):
        changes, text = changes_by_adoption(bench, key)
        assert changes == [], file
        shares[file] = lines(text) / lines(bench.connection.virt.networkLookupByName(key.name).XMLDesc(1))
        before, after = recreated(bench, text, key)
        assert after == before, file

    print(
        f"adopted: {len(shares)} of {len(shares)}; YAML has a median of {median(shares.values()):.0%} of the XML's lines"
    )


def test_every_changed_leaf_is_detected(bench: Bench) -> None:
    tried, missed = 0, []
    for file, text, key in accepted(bench):
        desired = desired_by({"state": "stopped", "adopt": True, "xml": text}, key.name)
        actual = seen(bench, key)
        for where, tree in mutations(desired.tree):
            if where == "name/":
                continue
            tried += 1
            made = plan_for(replace(desired, tree=tree), actual)
            if not any(a.changes for a in made.actions):
                missed.append(f"{file}: {where}")

    print(f"{tried} leaves changed, {len(missed)} missed")
    assert tried > 300
    assert missed == []
