"""
Plans for real-world domains: each case has a spec, definitions from the host and the expected plan.

The files are `spec.yaml`, `actual.xml` and `plan.txt`, optionally `live.xml` and `applied.yaml`.
After `--regenerate`, review the diff of `plan.txt`, since users see the same change.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.kinds.domain import KIND
from kvmreconcile.kinds.network import KIND as NETWORK
from kvmreconcile.kinds.ownership_mark import read_mark, with_mark
from kvmreconcile.kinds.pool import KIND as POOL
from kvmreconcile.kinds.volume import KIND as VOLUME
from kvmreconcile.model import Actual, Applied, Desired, Key, Observation, OwnershipMark, World
from kvmreconcile.plan import plan
from kvmreconcile.plan.compare.applied import applied_before_creation
from kvmreconcile.render import render_text
from kvmreconcile.source.load import load
from kvmreconcile.tree import parse, to_xml
from tests.first_seen import LONG
from tests.plan.rendering import approval

CASES = sorted(d for d in (Path(__file__).parents[1] / "cases/domain").iterdir() if d.is_dir())
KINDS = {kind.name: kind for kind in (KIND, NETWORK, POOL, VOLUME)}
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def wanted(file: Path) -> dict[Key, Desired]:
    """Return the desired object of a spec file."""
    found = load([file], KINDS, "lab")
    assert found.problems == ()
    return dict(found.desired)


def on_host(case: Path) -> dict[Key, Actual]:
    """Return the domain of a case. It gets our mark unless its XML contains a mark."""
    if not (case / "actual.xml").exists():
        return {}
    tree = parse((case / "actual.xml").read_text())
    key, uuid = Key("Domain", tree.get("name") or ""), tree.get("uuid") or ""
    ownership_mark = read_mark(tree) or OwnershipMark("lab", str(key), uuid)
    live = case / "live.xml"
    running = live.read_text() if live.exists() else None
    xml, run = to_xml(with_mark(tree, ownership_mark)), 1 if running else None
    return {
        key: Actual(
            key,
            uuid,
            xml,
            running,
            running is not None,
            autostart=False,
            runtime_id=run,
            ownership_mark=ownership_mark,
        )
    }


def known(case: Path, there: dict[Key, Actual]) -> dict[Key, Applied]:
    """Return the applied record of `applied.yaml`, or of the spec if there is no such file."""
    file = case / "applied.yaml"
    said = wanted(file if file.exists() else case / "spec.yaml")
    return {k: _whole(d, there[k]) for k, d in said.items() if k in there}


def _whole(desired: Desired, actual: Actual) -> Applied:
    meant = applied_before_creation(desired, "lab", KINDS["Domain"])
    return Applied(meant.key, actual.uuid, "lab", meant.tree, meant.digest, runtime_id=actual.runtime_id)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plan_matches_the_expected_text(case: Path, *, regenerate: bool) -> None:
    there, golden = on_host(case), case / "plan.txt"
    spec = wanted(case / "spec.yaml")
    world = World("lab", "host1", NOW, spec, Observation(there), known(case, there), first_seen=LONG)
    made, rules = plan(world, KINDS), {name: kind.rules for name, kind in KINDS.items()}
    text = render_text(made, rules, approve=approval(made))
    text = text.replace(str(case) + "/", "")
    if regenerate:
        golden.write_text(text)

    assert text == golden.read_text()
