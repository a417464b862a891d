"""Test each kind of repository: the result, the time it takes, and that nothing is left behind."""

import os
import re
import time
from pathlib import Path

import pytest

from tests.origin import Origin
from tests.source.place import Place
from tests.source.repositories import ROWS, Row, spec

WITHIN_S = 30.0
FULL_WITHIN_S = 300.0
TABLE: list[str] = []


def marked(row: Row) -> object:
    marks = [pytest.mark.case(number) for number in row.cases]
    needs_root = pytest.mark.skipif(
        row.needs_root and os.geteuid() != 0, reason="only root can work for others"
    )
    return pytest.param(row, id=row.name, marks=[*marks, needs_root])


@pytest.mark.timeout(2 * FULL_WITHIN_S)
@pytest.mark.parametrize("row", [marked(row) for row in ROWS])
def test_repository_has_the_expected_result(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    is_full = bool(request.config.getoption("--full"))
    place = Place(tmp_path, Origin(tmp_path), monkeypatch, is_full)
    place.origin.commit(spec())
    began_s = time.monotonic()

    result = row.make(place)

    took_s = time.monotonic() - began_s
    TABLE.append(f"{row.name:<42} {took_s:5.1f} s  {result.replace(str(tmp_path), '')}")
    assert re.fullmatch(".*".join(map(re.escape, row.expected.split("…"))), result), result
    assert place.leftovers() == []
    assert took_s < (FULL_WITHIN_S if is_full else WITHIN_S)


@pytest.mark.figures
def test_names_of_rows_are_unique() -> None:
    print("\n  ".join(["", *TABLE]))

    assert len({row.name for row in ROWS}) == len(ROWS)
