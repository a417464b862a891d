"""Test a short, repeatable run with mutated documents; `./dev fuzz` makes long runs."""

from pathlib import Path

import pytest

from tests.fuzz.run import fuzz


@pytest.mark.figures
@pytest.mark.timeout(300)
def test_mutated_documents_are_planned_or_refused_without_effect_on_others(
    tmp_path: Path,
) -> None:
    tally = fuzz(seed=7, count=1000, directory=tmp_path)

    print(f"seed 7: {tally}")
    assert not tally.problems, "\n".join(tally.problems[:10])
    assert tally.documents == 1000
    assert min(tally.classes["refused"], tally.classes["planned"]) > 50
