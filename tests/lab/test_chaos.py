"""A short storm, the same in each run; `./dev chaos` makes long ones."""

from pathlib import Path

import pytest

from tests.chaos.run import run
from tests.chaos.storm import Pace

FAULTS = 40
PACE = Pace(calm_within_s=60, pause_s=0.3)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [4, 11], ids=["directory", "repository"])
def test_whatever_befalls_a_host_is_put_right_and_nothing_else_is_touched(tmp_path: Path, seed: int) -> None:
    storm = run(tmp_path, seed, FAULTS, PACE)

    assert storm.count == FAULTS
    assert len(storm.calms_s) == 2
