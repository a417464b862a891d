"""
Count words, names and sizes that the style rules out: `.venv/bin/python -m tests.language [--list]`.

The exit status is 1 while a count is above its goal.
"""

import argparse
import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
WORDS = {
    "told": r"told",
    "anew": r"anew",
    "whoever": r"whoever",
    "unasked": r"unasked",
    "another hand": r"another[\s#_]+hand",
    "stands": r"stands(?![\s#_]+for(?![a-z]))",
}
"""Words that nothing may contain, with the pattern of each; an underscore ends a word, too."""
_COMMANDS = "kvmreconcile/cli/"
SHARED = {
    ("adopt", _COMMANDS): "command of this name",
    ("diff", _COMMANDS): "command of this name",
    ("explain", _COMMANDS): "command of this name",
    ("plan", _COMMANDS): "command of this name",
    ("run", _COMMANDS): "command of this name",
    ("status", _COMMANDS): "command of this name",
    ("make", "kvmreconcile/execute/"): "entry point of an executor",
    ("adopt", "kvmreconcile/kinds/"): "function of a Kind",
    ("complete", "kvmreconcile/kinds/"): "function of a Kind",
    ("cost", "kvmreconcile/kinds/"): "function of a Kind",
    ("desire", "kvmreconcile/kinds/"): "function of a Kind",
    ("key", "kvmreconcile/kinds/"): "function of a Kind",
}
"""Names that something else fixes, by the folder in which they are not counted, with the reason."""


@dataclass(frozen=True)
class Count:
    """What was found of one thing; `goal` is the most there may be, None if there is no goal."""

    name: str
    places: tuple[str, ...]
    goal: int | None = None

    @property
    def is_missed(self) -> bool:
        """Return whether there is more than the goal allows."""
        return self.goal is not None and len(self.places) > self.goal


def main(arguments: list[str]) -> int:
    """Print the counts, with `--list` all their places, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.language", description="Count what the style rules out."
    )
    parser.add_argument("--list", action="store_true", help="print the places, too")
    is_listing = parser.parse_args(arguments).list
    counts = list(count_all())
    for count in counts:
        goal = "" if count.goal is None else f"  (goal: {count.goal})" + "  MISSED" * count.is_missed
        print(f"{len(count.places):6}  {count.name}{goal}")
        for place in count.places if is_listing else ():
            print(f"          {place}")
    for folder in ("kvmreconcile", "tests"):
        print(
            f"{median(lines for _, lines in functions(folder)):6g}  lines in the median function of {folder}"
        )
    return int(any(count.is_missed for count in counts))


def count_all() -> Iterator[Count]:
    """Yield each count."""
    for word, pattern in WORDS.items():
        yield Count(word, tuple(find_word(pattern)), 0)
    yield Count('module docstrings that say "Separate"', tuple(find_separate()), 5)
    yield Count("public names in more than one module", tuple(find_same_names()), 10)
    long = (f"{file}: {lines}" for file in modules("") if (lines := len(text(file).splitlines())) > 250)
    yield Count("modules over 250 lines", tuple(long))
    yield Count("functions over 40 lines", tuple(f"{place}: {n}" for place, n in functions("") if n > 40))


@cache
def files() -> tuple[str, ...]:
    """Return the files that git tracks, but this one, which has to name the words."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    return tuple(file for file in listed.stdout.splitlines() if file != "tests/language.py")


@cache
def text(file: str) -> str:
    """Return what a file contains; empty if it is deleted or not text."""
    try:
        return (ROOT / file).read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def modules(folder: str) -> Iterable[str]:
    """Return the Python files in a folder; all of them, if its name is empty."""
    return (file for file in files() if file.startswith(folder) and file.endswith(".py"))


def find_word(pattern: str) -> Iterator[str]:
    """Yield where a word is, in the names of files as well."""
    word = re.compile(rf"(?<![a-z]){pattern}(?![a-z])", re.IGNORECASE)
    for file in files():
        if word.search(file):
            yield file
        content = text(file)
        lines = content.splitlines()
        for match in word.finditer(content):
            number = content.count("\n", 0, match.start()) + 1
            yield f"{file}:{number}: {lines[number - 1].strip()}"


def find_separate() -> Iterator[str]:
    """Yield the modules whose docstring explains why they are files of their own."""
    for file in modules(""):
        if re.search(r"\bSeparate\b", ast.get_docstring(ast.parse(text(file))) or ""):
            yield file


def find_same_names() -> Iterator[str]:
    """Yield each public class or function whose name is in several modules of the product, with these."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in modules("kvmreconcile/"):
        for node in ast.parse(text(file)).body:
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    if name[0] != "_" and not _is_shared(name, file):
                        found[name].append(file)
    for name, places in sorted(found.items()):
        if len(places) > 1:
            yield f"{name}: {', '.join(places)}"


def _is_shared(name: str, file: str) -> bool:
    return any(name == shared and file.startswith(folder) for shared, folder in SHARED)


def functions(folder: str) -> Iterator[tuple[str, int]]:
    """Yield each function in a folder with its number of lines."""
    for file in modules(folder):
        for node in ast.walk(ast.parse(text(file))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{file}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
