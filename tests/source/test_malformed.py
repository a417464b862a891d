"""
Test the problems of malformed specs, from the tables in malformed/.

A case is its name, the text, and after "=> " each problem from its line on, then the effects on the host.
`--regenerate` writes the tables again; read the diff, and run the tests again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.beside import BY_NAME, GOOD, describe_problems, load_beside

TABLES = Path(__file__).parent / "malformed"

ADVICE = re.compile(
    r"add|write|remove|quote|close|see|did you mean|available|correct|set |check |use |keep|put|save|split|delete|indent|start|move|mend"
    r"|flatten|define|give|take|it belongs"
)
"""First words of advice."""


@dataclass(frozen=True)
class Case:
    table: str
    name: str
    content: bytes
    expected: str

    def __str__(self) -> str:
        return f"{self.table}-{self.name}"


def read_table(path: Path) -> Iterator[Case]:
    for part in path.read_text().split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        text, _, expected = rest.partition("=> ")
        yield Case(path.stem, name, text.encode(), f"=> {expected.strip()}\n" if expected else "")


@pytest.fixture(scope="module", autouse=True)
def _tables(tmp_path_factory: pytest.TempPathFactory, *, regenerate: bool) -> None:
    for path in sorted(TABLES.glob("*.txt")) if regenerate else ():
        parts = []
        for case in read_table(path):
            directory = tmp_path_factory.mktemp("case")
            parts.append(
                f"=== {case.name}\n{case.content.decode()}{describe_problems(load_beside(case.content, directory), directory)}"
            )
        path.write_text("\n".join(parts))


def made_cases() -> Iterator[Case]:
    """Yield cases that depend on the installed kinds."""
    expected = f"2:7: Deployment/NAME: unknown kind 'Deployment'; available: {', '.join(BY_NAME)}"
    yield Case("made", "kind_unheard_of", GOOD.replace("Network", "Deployment").encode(), f"=> {expected}\n")


CASES = [
    *(case for path in sorted(TABLES.glob("*.txt")) for case in read_table(path)),
    *made_cases(),
]


def test_there_are_more_than_a_hundred_cases() -> None:
    print(f"{len(CASES)} malformed inputs")
    assert len(CASES) > 100
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_malformed_document_has_the_expected_problems(case: Case, tmp_path: Path) -> None:
    loaded = load_beside(case.content, tmp_path)

    reported = describe_problems(loaded, tmp_path)
    assert reported.startswith(case.expected) if case.table == "made" else reported == case.expected
    assert loaded.problems
    for problem in loaded.problems:
        assert re.search(r"/bad\.yaml:\d+:\d+$", problem.where)
        assert ADVICE.match(problem.todo), f"no advice: {problem}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_malformed_document_does_not_affect_valid_ones(case: Case, tmp_path: Path) -> None:
    loaded = load_beside(case.content, tmp_path)

    good = {"after", "beside"}
    assert {key.name for key in loaded.desired} == good
    assert {document.name for document in loaded.documents} == good
    assert loaded.frozen or not loaded.complete
