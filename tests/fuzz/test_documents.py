"""A short run over changed documents, the same each time; `./dev fuzz` makes long ones."""

from pathlib import Path

import pytest

from tests.fuzz.run import fuzz


@pytest.mark.figures
@pytest.mark.timeout(300)
def test_no_changed_document_is_answered_but_in_words_in_time_and_beside_others(tmp_path: Path) -> None:
    tally = fuzz(seed=7, count=1000, directory=tmp_path)

    print(f"seed 7: {tally}")
    assert not tally.faults, "\n".join(tally.faults[:10])
    assert tally.documents == 1000
    assert min(tally.classes["refused"], tally.classes["planned"]) > 50
