"""Every example has a description, is valid, and can be planned alone and with all others."""

import subprocess
import sys
from pathlib import Path

import pytest

from kvmreconcile.model import Hold
from tests.examples import EXAMPLES, SHARED, SPECS, loaded, plan_of


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_a_description_and_is_planned_without_a_problem(path: Path) -> None:
    specs = loaded({*SHARED, path})

    made = plan_of(specs)

    assert path.read_text().startswith("# ")
    assert not specs.problems
    assert not made.problems
    keys = {a.key for a in made.actions} | {h.action.key for h in made.held}
    assert keys == set(specs.desired)
    assert all(h.hold is Hold.OBSERVE for h in made.held)


def test_all_examples_can_be_planned_together() -> None:
    specs = loaded([SPECS / "examples"])

    assert not specs.problems
    assert not plan_of(specs).problems
    assert len(specs.desired) >= len(EXAMPLES) >= 40


def test_validate_accepts_every_shipped_spec() -> None:
    command = [sys.executable, "-m", "kvmreconcile", "validate", str(SPECS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_demo_is_planned_in_dependency_order() -> None:
    specs = loaded([SPECS / "demo"])

    made = plan_of(specs)

    order = list(dict.fromkeys(str(a.key) for a in made.actions))
    assert sorted(order) == sorted(map(str, specs.desired))
    assert len(order) == 9
    for earlier, later in (
        ("Network/demo", "Domain/db1"),
        ("StoragePool/demo", "Volume/demo/golden.qcow2"),
        ("Volume/demo/golden.qcow2", "Volume/demo/web1.qcow2"),
        ("Volume/demo/web1.qcow2", "Domain/web1"),
        ("Volume/demo/db1.qcow2", "Domain/db1"),
    ):
        assert order.index(earlier) < order.index(later)
