"""Files, specs, commands and options in the docs exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from kvmreconcile.cli.app import app
from kvmreconcile.session.kinds import document_kinds, known_kinds
from kvmreconcile.source.load import load

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = typer.main.get_command(app)


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for language, text in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        if language in languages:
            yield text


def calls(page: Path) -> Iterator[list[str]]:
    """Yield the words of each call of kvmreconcile that a page shows."""
    text = "\n".join(
        [*blocks(page, "sh", "console"), *re.findall(r"`(kvmreconcile [a-z][^`]*)`", page.read_text())]
    )
    for call in re.findall(r"(?:^|[$/ ])kvmreconcile ([a-z][^|>\n]*)", text, re.MULTILINE):
        yield shlex.split(call, comments=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_have_existing_targets(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_specs_are_valid(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(page, "yaml")):
        if "apiVersion" in text:
            (tmp_path / f"{number}.yaml").write_text(text.replace("name: ", f"name: a{number}-", 1))
    found = load(sorted(tmp_path.iterdir()), document_kinds(known_kinds()), "docs")

    assert found.problems == ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_their_options_exist(page: Path) -> None:
    for verb, *words in calls(page):
        known = COMMANDS.commands[verb]  # type: ignore[attr-defined] # a group, which is not in the type of typer
        if inner := getattr(known, "commands", None):
            known = inner[words[0]]
        options = {option for parameter in known.params for option in parameter.opts}
        assert {w for w in words if w.startswith("-")} <= options, f"{verb} {words}"


def test_readme_shows_commands() -> None:
    assert len(list(calls(ROOT / "README.md"))) >= 8


@pytest.mark.case("53g")
def test_quick_start_prints_the_documented_plan() -> None:
    story = next(text for text in blocks(ROOT / "README.md", "console") if " plan " in text)
    named = {
        call[-1]
        for call in calls(ROOT / "README.md")
        if call[0] in ("plan", "apply") and "specs/" in call[-1]
    }
    shown = set(re.findall(r"^\+ (\S+)  create", story, re.MULTILINE))

    assert re.findall(r"kvmreconcile (?:plan|apply --yes) (\S+)", story) == ["specs/demo"] * 2
    assert named == {"specs/demo"}
    assert {str(key) for key in load([ROOT / "specs/demo"], known_kinds(), "docs").desired} == shown


@pytest.mark.parametrize(("page", "least"), [("complaints", 24), ("disasters", 16)])
def test_every_table_row_names_an_existing_test(page: str, least: int) -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", (ROOT / f"docs/{page}.md").read_text(), re.MULTILINE)

    assert len(rows) >= least
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    for number, cited in rows:
        names = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", cited)
        assert names, number
        for file, name in names:
            assert f"\ndef {name}(" in (ROOT / file).read_text(), (number, name)


@pytest.mark.parametrize("page", ["docs/how-it-works.md", "CONTRIBUTING.md"])
def test_modules_and_functions_of_contributor_docs_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    files = [(name, "") for name in re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", text)]
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`\s+\(`(?:\w+\.)?(\w+)`\)", text)

    for name, function in (*files, *named):
        file = next((f for f in (ROOT / name, ROOT / "kvmreconcile" / name) if f.exists()), None)
        assert file, name
        assert function in file.read_text(), (name, function)
