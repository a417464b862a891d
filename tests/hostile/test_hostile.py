"""
Test that hostile input is refused with a message and in little time, and affects nothing else.

Each kind of input has a module here, with its rows and the function that receives them.
"""

import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from kvmreconcile.settings import loading
from tests.hostile import commits, documents, images, requests, states
from tests.hostile.row import Row
from tests.peak import peak_mib, start_peak

KINDS: dict[str, tuple[tuple[Row[Any], ...], Callable[[Row[Any], Path], str]]] = {
    "document": (documents.ROWS, documents.answer),
    "image": (images.ROWS, images.answer),
    "commit": (commits.ROWS, commits.answer),
    "request": (requests.ROWS, requests.answer),
    "state": (states.ROWS, states.answer),
}
HAS_OTHER_OUTPUT = frozenset({"state"})
"""Kinds whose answer has other text besides problems."""
CPU_S, MEMORY_MIB = 5.0, 300
TABLE = [(kind, row) for kind, (rows, _) in KINDS.items() for row in rows]


@dataclass
class Tally:
    """The number of rows by result, and the slowest and largest row."""

    rows: int = 0
    refused: int = 0
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")
    kinds: dict[str, int] = field(default_factory=dict)


TALLY = Tally()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that every user can search, unlike the directories of pytest."""
    monkeypatch.setattr(loading, "DEFAULT_FILE", Path("/absent.yaml"))
    with TemporaryDirectory(dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def marked(kind: str, row: Row[Any]) -> Any:
    marks = [pytest.mark.case(row.case)] if row.case else []
    needs_root = pytest.mark.skipif(
        kind == "state" and os.geteuid() != 0, reason="only root can work for others"
    )
    return pytest.param(kind, row, id=f"{kind}: {row.name}", marks=[*marks, needs_root])


@pytest.mark.parametrize(("kind", "row"), [marked(*each) for each in TABLE])
def test_hostile_input_is_refused_and_affects_nothing_else(kind: str, row: Row[Any], home: Path) -> None:
    _, answer = KINDS[kind]
    began_s, began_mib = cpu_s(), start_peak()

    message = answer(row, home)

    took_s, taken_mib = cpu_s() - began_s, peak_mib() - began_mib
    assert row.refusal in message if row.refusal or kind in HAS_OTHER_OUTPUT else not message
    assert took_s < CPU_S
    assert taken_mib < MEMORY_MIB
    TALLY.rows += 1
    TALLY.refused += bool(row.refusal)
    TALLY.kinds[kind] = TALLY.kinds.get(kind, 0) + 1
    TALLY.slowest = max(TALLY.slowest, (took_s, f"{kind}: {row.name}"))
    TALLY.largest = max(TALLY.largest, (taken_mib, f"{kind}: {row.name}"))


@pytest.mark.figures
def test_names_of_hostile_inputs_are_unique() -> None:
    (took_s, slowest), (taken_mib, largest) = TALLY.slowest, TALLY.largest
    kinds = ", ".join(f"{count} {kind}s" for kind, count in TALLY.kinds.items())
    print(
        f"inputs {TALLY.rows} ({kinds}), refused {TALLY.refused}, harmless {TALLY.rows - TALLY.refused};",
        end=" ",
    )
    print(f"slowest {took_s:.2f} s of CPU ({slowest}), largest {taken_mib} MiB ({largest})")

    names = [f"{kind}: {row.name}" for kind, row in TABLE]
    assert len({*names}) == len(names)
    assert len(names) > 200


def cpu_s() -> float:
    """Return the CPU time of this process and its children."""
    processes = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(each)[:2]) for each in processes)
