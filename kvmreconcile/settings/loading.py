"""Read the settings of this host from a file and from environment variables."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic.alias_generators import to_snake
from pydantic_core import ErrorDetails

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.model import Source
from kvmreconcile.model.commands import quote
from kvmreconcile.model.located import LocatedValue, plain
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.decoding import Chunk, chunks, decode
from kvmreconcile.source.fields import fields_at
from kvmreconcile.source.problem import LocatedProblem, printable
from kvmreconcile.source.suggestions import advice
from kvmreconcile.source.yaml import parse_yaml

DEFAULT_FILE = Path("/etc/kvmreconcile/kvmreconcile.yaml")
PREFIX = "KVMRECONCILE_"
_NO_FILE = "create it, or specify another file with --config or KVMRECONCILE_CONFIG"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_SHAPES = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "string_type": "text, in quotes",
    "path_type": "a path, in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""The expected form of a setting, by the type of the pydantic error."""


def read_settings(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Return the settings of this host; environment variables take precedence over the file.

    Args:
        file: The file to read; None for the default file, which may be absent.
        environment: The environment variables.

    Raises:
        SpecError: The file cannot be read, or the file or a variable is invalid. The error contains all
            problems.
    """
    item = _read_file(file or DEFAULT_FILE, must_exist=file is not None)
    variables = list(_variables(environment))
    values = plain(item) if item else {}
    try:
        if isinstance(values, dict):
            values |= {each.setting: each.value for each in variables}
        return Settings.model_validate(values)
    except ValidationError as error:
        names = {each.setting: each.name for each in variables}
        raise SpecError([_problem(e, item, names) for e in error.errors(include_url=False)]) from None


def _text(content: bytes, file: Path) -> str:
    if not content:
        todo = "add settings, or write {} for no settings, or specify another file with --config"
        raise SpecError([Problem(str(file), "the settings file is empty", todo)])
    text = decode(content, str(file))
    if isinstance(text, LocatedProblem):
        raise SpecError([text.to_problem()])
    return text


def _read_file(file: Path, *, must_exist: bool) -> LocatedValue | None:
    try:
        with file.open("rb") as opened:
            status, content = os.fstat(opened.fileno()), opened.read()
    except FileNotFoundError:
        if not must_exist:
            return None
        raise SpecError([Problem(str(file), "there is no such file", _NO_FILE)]) from None
    except OSError as error:
        is_forbidden = error.errno in (errno.EACCES, errno.EPERM)
        access = "run kvmreconcile as a user who may read the file, or give this user access to it"
        todo = access if is_forbidden else "specify a regular file with --config"
        raise SpecError([Problem(str(file), f"it cannot be read: {error.strerror}", todo)]) from None
    # Commands run by root use programs and files that the settings specify.
    if os.geteuid() == 0 and (status.st_uid != 0 or status.st_mode & _WRITABLE_BY_OTHERS):
        what = "users other than root can write it, and root would run programs that it specifies"
        close = f"chown root {quote(str(file))} && chmod go-w {quote(str(file))}"
        todo = close if stat.S_ISREG(status.st_mode) else "specify a regular file with --config"
        raise SpecError([Problem(str(file), what, todo)])
    text = _text(content, file)
    readings = [parse_yaml(chunk, str(file)) for chunk in chunks(text)]
    problems = [problem.to_problem() for reading in readings for problem in reading.problems]
    items = [reading.item for reading in readings if reading.item]
    if len(items) > 1:
        problems.append(
            Problem(
                str(items[1].source),
                "the file has more than one YAML document",
                "put all settings into one document",
            )
        )
    if problems:
        raise SpecError(problems)
    return items[0] if items else None


@dataclass(frozen=True, slots=True)
class _Variable:
    """An environment variable that sets a setting."""

    name: str
    setting: str
    value: object


def _variables(environment: Mapping[str, str]) -> Iterator[_Variable]:
    """Yield the environment variables that set a setting."""
    for name, info in Settings.model_fields.items():
        key = info.alias or name
        variable = PREFIX + to_snake(key).upper()
        text = environment.get(variable, "")
        if text.startswith(("{", "[")):
            reading = parse_yaml(Chunk(_text(os.fsencode(text), Path(variable)), 0), variable)
            if reading.problems:
                raise SpecError([problem.to_problem() for problem in reading.problems])
            yield _Variable(variable, key, plain(reading.item) if reading.item else {})
        elif text:
            yield _Variable(variable, key, text)


def _problem(error: ErrorDetails, item: LocatedValue | None, variables: Mapping[str, str]) -> Problem:
    """Convert a pydantic error to a problem with the line or variable where it occurred."""
    loc = error["loc"]
    if error["type"] == "model_type" and not loc:
        return Problem(
            str(item.source if item else ""),
            "the settings file must be a mapping",
            'write "name: value" on each line',
        )
    where = variables.get(str(loc[0])) or str(_source(item, loc))
    field = ".".join(map(str, loc))
    if error["type"] == "extra_forbidden":
        known_here = fields_at([Settings], loc[:-1])
        return Problem(where, f"there is no setting '{printable(field)}'", advice(str(loc[-1]), known_here))
    return Problem(where, f"{printable(field)}{_describe(error)}", "see docs/commands.md")


def _describe(error: ErrorDetails) -> str:
    """Describe the error of a setting, as text to follow the name of the setting."""
    if shape := _SHAPES.get(error["type"]):
        return f" should be {shape}"
    if error["type"] == "string_pattern_mismatch":
        return " does not have the required format"
    message = error["msg"].removeprefix("Value error, ")
    return f": {message[:1].lower()}{message[1:]}"


def _source(item: LocatedValue | None, loc: tuple[str | int, ...]) -> Source:
    """Return the place of a setting, or of the mapping that should contain the setting."""
    source = item.source if item else Source()
    for step in loc:
        if item is None or not isinstance(item.value, Mapping) or step not in item.value:
            break
        entry = item.value[str(step)]
        source, item = entry.source, entry.item
    return source
