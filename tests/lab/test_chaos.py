"""A short storm, the same in each run; `./dev chaos` makes long ones."""

from pathlib import Path

import pytest

from tests.chaos.run import Plan, run
from tests.chaos.storm import Pace

FAULTS = 40
"""Enough that each fault that finds anything to do is injected once."""
PACE = Pace(calm_within_s=60, pause_s=0.3)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "seed", [pytest.param(4, id="directory"), pytest.param(11, id="repository", marks=pytest.mark.full)]
)
def test_each_injected_fault_ends_in_its_expected_state_and_affects_nothing_else(
    tmp_path: Path, seed: int
) -> None:
    storm = run(tmp_path, Plan(seed, FAULTS, PACE))

    assert storm.count == FAULTS
    assert len(storm.calms_s) == 3
