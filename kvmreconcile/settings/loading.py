"""
Read the settings of this host: a file, and the environment over it.

Separate from the command line, because the daemon is configured by the same file.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic.alias_generators import to_snake
from pydantic_core import ErrorDetails

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.model import Source
from kvmreconcile.model.commands import quote
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.decoding import Chunk, chunks, decode
from kvmreconcile.source.fields import known
from kvmreconcile.source.located import LocatedValue, plain
from kvmreconcile.source.problem import LocatedProblem, shown
from kvmreconcile.source.suggestions import advice
from kvmreconcile.source.yaml import read

DEFAULT_FILE = Path("/etc/kvmreconcile/kvmreconcile.yaml")
PREFIX = "KVMRECONCILE_"
_NO_FILE = "create it, or name another with --config or KVMRECONCILE_CONFIG"
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
"""What a setting should be, by the name that pydantic has for the error."""


def read_settings(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Return the settings that hold on this host.

    Args:
        file: The file to read; None for the usual one, which may be absent.

    Raises:
        SpecError: The file cannot be read, or it or a variable is wrong; all that is wrong is named.
    """
    item = _read_file(file or DEFAULT_FILE, must_exist=file is not None)
    variables = dict(_variables(environment))
    said = plain(item) if item else {}
    try:
        if isinstance(said, dict):
            said |= {k: value for k, (_, value) in variables.items()}
        return Settings.model_validate(said)
    except ValidationError as error:
        names = {k: name for k, (name, _) in variables.items()}
        raise SpecError([_problem(e, item, names) for e in error.errors(include_url=False)]) from None


def _text(content: bytes, file: Path) -> str:
    if not content:
        todo = "write settings, or {} for none, or name another file with --config"
        raise SpecError([Problem(str(file), "the settings file is empty", todo)])
    text = decode(content, str(file))
    if isinstance(text, LocatedProblem):
        raise SpecError([text.problem()])
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
        access = "run kvmreconcile as a user who may read it, or give this user access to it"
        todo = access if is_forbidden else "name a regular file with --config"
        raise SpecError([Problem(str(file), f"it cannot be read: {error.strerror}", todo)]) from None
    # They name programs and files that root's commands then use.
    if os.geteuid() == 0 and (status.st_uid != 0 or status.st_mode & _WRITABLE_BY_OTHERS):
        what = "other users than root can write it, and root would run programs that it names"
        close = f"chown root {quote(str(file))} && chmod go-w {quote(str(file))}"
        todo = close if stat.S_ISREG(status.st_mode) else "name a regular file with --config"
        raise SpecError([Problem(str(file), what, todo)])
    text = _text(content, file)
    readings = [read(chunk, str(file)) for chunk in chunks(text)]
    faults = [fault.problem() for reading in readings for fault in reading.faults]
    items = [reading.item for reading in readings if reading.item]
    if len(items) > 1:
        faults.append(
            Problem(
                str(items[1].source), "the file has more than one YAML document", "put all settings into one"
            )
        )
    if faults:
        raise SpecError(faults)
    return items[0] if items else None


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, object]]]:
    """Yield each setting that the environment makes, with its variable and value."""
    for name, info in Settings.model_fields.items():
        key = info.alias or name
        variable = PREFIX + to_snake(key).upper()
        text = environment.get(variable, "")
        if text.startswith(("{", "[")):
            reading = read(Chunk(_text(os.fsencode(text), Path(variable)), 0), variable)
            if reading.faults:
                raise SpecError([fault.problem() for fault in reading.faults])
            yield key, (variable, plain(reading.item) if reading.item else {})
        elif text:
            yield key, (variable, text)


def _problem(error: ErrorDetails, item: LocatedValue | None, variables: Mapping[str, str]) -> Problem:
    """Return one of pydantic's errors with the place where it was made."""
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
        known_here = known([Settings], loc[:-1])
        return Problem(where, f"there is no setting '{shown(field)}'", advice(str(loc[-1]), known_here))
    return Problem(where, f"{shown(field)}{_wrong(error)}", "see docs/commands.md")


def _wrong(error: ErrorDetails) -> str:
    """Return what is wrong with a setting, as it continues its name."""
    if shape := _SHAPES.get(error["type"]):
        return f" should be {shape}"
    if error["type"] == "string_pattern_mismatch":
        return " does not have the required format"
    message = error["msg"].removeprefix("Value error, ")
    return f": {message[:1].lower()}{message[1:]}"


def _source(item: LocatedValue | None, loc: tuple[str | int, ...]) -> Source:
    """Return where a setting stands; for one that does not, where the mapping it belongs to does."""
    source = item.source if item else Source()
    for step in loc:
        if item is None or not isinstance(item.value, Mapping) or step not in item.value:
            break
        entry = item.value[str(step)]
        source, item = entry.source, entry.item
    return source
