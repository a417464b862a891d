"""Test that each error of docs/git.md is produced, and that each message about repositories is documented."""

import ast
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kvmreconcile.source.git.reasons import ADVICE
from tests.origin import Origin
from tests.source.place import Place
from tests.source.refusals import AS_ROOT, ROWS

CLONE = Path(__file__).parents[2]
PAGE = (CLONE / "docs/git.md").read_text()
NO_MESSAGES = dict.fromkeys((text for text, _ in ADVICE), "recognized, for what to do") | {
    "Could not read from remote repository": "git's, after a reason of ssh's that is shown",
    "Server does not allow request for unadvertised object": "another way is taken",
    "not our ref": "another way is taken",
    "shallow roots are not allowed": "shown as a shallow clone",
    "(Warning: )?Identity file .* not accessible: |Load key ": "recognized, for the reason",
    "Receiving objects: ": "git's own progress",
    "Unpacking objects: ": "git's own progress",
}
"""Text in the source that is no message to users, and why."""


@dataclass(frozen=True)
class Documented:
    """A row of the page; "…" replaces text that differs."""

    name: str
    message: str
    todo: str


def documented() -> Iterator[Documented]:
    settings = "see docs/commands.md"
    for name, message, rest in re.findall(r"^\| `([\w-]+)` \| `([^`]+)` \| (.*) \|$", PAGE, re.MULTILINE):
        todo = re.search(r"\| `([^`]+)`$", rest)
        yield Documented(name, message, todo[1] if todo else settings)


TABLE = tuple(documented())


def pattern(text: str) -> str:
    return ".+".join(map(re.escape, text.split("…")))


def marked(error: Documented) -> object:
    needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the situation")
    no_limit = pytest.mark.skipif(
        sys.version_info >= (3, 13), reason="Python removes directories of any depth"
    )
    marks = [needs_root] if error.name in AS_ROOT else [no_limit] if error.name == "state-deep" else []
    return pytest.param(error, id=error.name, marks=marks)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    origin = Origin(tmp_path)
    origin.commit("one")
    return Place(tmp_path, origin, monkeypatch)


@pytest.mark.parametrize("error", [*map(marked, TABLE)])
def test_error_is_shown_as_documented(error: Documented, place: Place) -> None:
    message = ROWS[error.name](place)

    assert re.fullmatch(f".+: {pattern(error.message)}; {pattern(error.todo)}", message), message


def test_every_error_is_documented_once() -> None:
    assert sorted(error.name for error in TABLE) == sorted(ROWS)


def prose(source: str) -> Iterator[str]:
    """Yield strings of a module that may be parts of messages; "…" replaces inserted values."""
    tree = ast.parse(source)
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {each for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            text = "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and node not in docstrings | inside:
            text = str(node.value)
        else:
            continue
        if re.search(r"[a-z]{2,} [a-z]{2,}|… [a-z]{2,}|[a-z]{2,} …", text):
            yield text


@pytest.mark.parametrize(
    "file", sorted((CLONE / "kvmreconcile/source/git").glob("*.py")), ids=lambda f: f.stem
)
def test_every_message_is_documented(file: Path) -> None:
    cells = [text for error in TABLE for text in (error.message, error.todo)]
    cells += re.findall(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

    lacking = [
        text
        for text in prose(file.read_text())
        if text not in NO_MESSAGES and not any(re.search(pattern(text), cell) for cell in cells)
    ]

    assert lacking == []


def test_texts_excluded_from_the_check_are_still_in_the_source() -> None:
    sources = "".join(file.read_text() for file in (CLONE / "kvmreconcile/source/git").glob("*.py"))

    assert [text for text in NO_MESSAGES if text not in sources] == []
