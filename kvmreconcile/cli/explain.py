"""`kvmreconcile explain`: describe a spec field."""

import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from kvmreconcile.cli.options import Common
from kvmreconcile.cli.terminal import report_problems, show
from kvmreconcile.errors import SpecError
from kvmreconcile.session.kinds import document_kinds, known_kinds
from kvmreconcile.source.explain import FieldDescription, describe_field, overview


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Common):
    """Options of `explain`."""

    path: Annotated[
        str | None,
        typer.Argument(
            metavar="FIELD", help="Field, such as Domain.spec.disks. Without a field, all kinds are listed."
        ),
    ] = None


def explain(options: ExplainOptions) -> int:
    """
    Describe a spec field.

    Shows the field's meaning, values, default and place in libvirt's XML.
    """
    kinds = document_kinds(known_kinds())
    if options.path is None:
        show("\n".join(f"{name:<12} {summary}" for name, summary in overview(kinds)))
        return 0
    try:
        entry = describe_field(options.path, kinds)
    except SpecError as error:
        report_problems(error.problems)
        return 1
    show("\n".join(_lines(entry)))
    return 0


def _lines(entry: FieldDescription) -> Iterator[str]:
    yield f"{entry.path}  ({_form(entry)})"
    yield from _wrapped(entry.description, "    ")
    if entry.default:
        yield from _wrapped(f"Default: {entry.default}", "    ")
    if entry.xml:
        yield f"    In libvirt's XML: {entry.xml}"
    for inner in entry.inner:
        yield ""
        yield f"    {inner.path.rpartition('.')[2]}  ({_form(inner)})"
        yield from _wrapped(inner.description, "        ")


def _form(entry: FieldDescription) -> str:
    return f"{entry.form}, required" if entry.is_required else entry.form


def _wrapped(text: str, indent: str) -> list[str]:
    width = min(shutil.get_terminal_size((96, 24)).columns, 110)
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)
