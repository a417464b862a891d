"""
Malformed specs, one table a file in malformed/: what a person wrote, and what is said about it.

A case is its name, the text, and after "=> " each problem from its line on, then what follows for the host.
`--regenerate` writes the tables anew; read the diff, and run again.
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
"""How what to do begins."""


@dataclass(frozen=True)
class Case:
    table: str
    name: str
    content: bytes
    says: str

    def __str__(self) -> str:
        return f"{self.table}-{self.name}"


def read_table(path: Path) -> Iterator[Case]:
    for part in path.read_text().split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        text, _, says = rest.partition("=> ")
        yield Case(path.stem, name, text.encode(), f"=> {says.strip()}\n" if says else "")


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
    """Yield what depends on the kinds there are."""
    says = f"2:7: Deployment/NAME: unknown kind 'Deployment'; available: {', '.join(BY_NAME)}"
    yield Case("made", "kind_unheard_of", GOOD.replace("Network", "Deployment").encode(), f"=> {says}\n")


CASES = [
    *(case for path in sorted(TABLES.glob("*.txt")) for case in read_table(path)),
    *made_cases(),
]


def test_there_are_more_than_a_hundred() -> None:
    print(f"{len(CASES)} malformed inputs")
    assert len(CASES) > 100
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_malformed(case: Case, tmp_path: Path) -> None:
    loaded = load_beside(case.content, tmp_path)

    said = describe_problems(loaded, tmp_path)
    assert said.startswith(case.says) if case.table == "made" else said == case.says
    assert loaded.problems
    for problem in loaded.problems:
        assert re.search(r"/bad\.yaml:\d+:\d+$", problem.where)
        assert ADVICE.match(problem.todo), f"what to do is not describe_problems: {problem}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_malformed_spares_the_good_documents_beside_it(case: Case, tmp_path: Path) -> None:
    loaded = load_beside(case.content, tmp_path)

    good = {"after", "beside"}
    assert {key.name for key in loaded.desired} == good
    assert {document.name for document in loaded.documents} == good
    assert loaded.frozen or not loaded.complete
