"""
Load the example specs, and plan them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from kvmreconcile.model import Actual, Observation, Plan, World
from kvmreconcile.plan import Overrides
from kvmreconcile.plan.planner import plan
from kvmreconcile.session.kinds import document_kinds, known_kinds
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded

SPECS = Path(__file__).parents[1] / "specs"
EXAMPLES = sorted((SPECS / "examples").glob("*.yaml"))
SHARED = tuple(
    SPECS / "examples" / f"{name}.yaml" for name in ("pool-directory", "network-nat", "network-pxe")
)
"""Examples that others may refer to, as on a host that has them already."""


def loaded(paths: Iterable[Path]) -> Loaded:
    """Load specs."""
    return load(list(paths), document_kinds(known_kinds()), "examples")


def plan_of(specs: Loaded, actual: Iterable[Actual] = ()) -> Plan:
    """Return the plan for specs on a host that has only these objects."""
    observed = Observation({each.key: each for each in actual})
    now = datetime(2026, 1, 1, tzinfo=UTC)
    world = World("examples", "host", now, specs.desired, observed, {})
    return plan(world, known_kinds(), Overrides())
