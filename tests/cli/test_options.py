"""Precedence of options: before or after the command, in a variable, in the settings."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from kvmreconcile.cli.app import root
from kvmreconcile.cli.options import Common, command, group
from kvmreconcile.settings import loading

PLACES = ("file", "variable", "before", "after")
"""Places of a value, in the order of precedence; the last one wins."""
GIVEN = [places for places in product((False, True), repeat=4) if any(places)]


def shown(options: Common) -> int:
    """Print the effective settings."""
    settings = options.settings()
    print(settings.connect, settings.state, settings.instance)
    return 0


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(root)
    command(made)(shown)
    command(group(made, "inner", "A group."))(shown)
    return made


@pytest.fixture(autouse=True)
def no_settings_of_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "DEFAULT_FILE", tmp_path / "default.yaml")


def said(app: typer.Typer, variables: dict[str, str], *words: str) -> list[str]:
    result = CliRunner(env=variables).invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.split()


def words_of(option: str, values: dict[str, Any], name: tuple[str, ...]) -> Iterator[str]:
    """Yield the words of a command line with an option before and after the command's name."""
    for place in ("before", "after"):
        yield from name if place == "after" else ()
        if place in values:
            yield from (option, str(values[place]))


@pytest.mark.case("48")
@pytest.mark.parametrize("name", [("shown",), ("inner", "shown")], ids=" ".join)
@pytest.mark.parametrize(
    "given",
    GIVEN,
    ids=lambda given: "+".join(p for p, is_given in zip(PLACES, given, strict=True) if is_given),
)
@pytest.mark.parametrize(("option", "index"), [("connect", 0), ("state", 1)])
def test_most_specific_option_value_is_used(
    app: typer.Typer, tmp_path: Path, option: str, index: int, given: tuple[bool, ...], name: tuple[str, ...]
) -> None:
    values = {place: f"/{place}" for place, is_given in zip(PLACES, given, strict=True) if is_given}
    if "file" in values:
        (tmp_path / "default.yaml").write_text(f"{option}: {values['file']}\n")
    variables = {f"KVMRECONCILE_{option.upper()}": values["variable"]} if "variable" in values else {}

    result = said(app, variables, *words_of(f"--{option}", values, name))

    assert result[index] == [values[place] for place in PLACES if place in values][-1]


@pytest.mark.case("48")
@pytest.mark.parametrize("name", [("shown",), ("inner", "shown")], ids=" ".join)
@pytest.mark.parametrize(
    "given",
    GIVEN,
    ids=lambda given: "+".join(p for p, is_given in zip(PLACES, given, strict=True) if is_given),
)
def test_most_specific_settings_file_is_used(
    app: typer.Typer, tmp_path: Path, given: tuple[bool, ...], name: tuple[str, ...]
) -> None:
    files = {"file": tmp_path / "default.yaml"} | {p: tmp_path / f"{p}.yaml" for p in PLACES[1:]}
    values = {place: files[place] for place, is_given in zip(PLACES, given, strict=True) if is_given}
    for place, file in values.items():
        file.write_text(f"instance: {place}\n")
    variables = {"KVMRECONCILE_CONFIG": str(values["variable"])} if "variable" in values else {}

    result = said(app, variables, *words_of("--config", values, name))

    assert result[2] == [place for place in PLACES if place in values][-1]
