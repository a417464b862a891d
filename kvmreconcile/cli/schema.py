"""`kvmreconcile schema`: print the JSON Schema of spec files."""

import json
from dataclasses import dataclass
from typing import Annotated

import typer

from kvmreconcile.cli.options import Common
from kvmreconcile.cli.terminal import report_problems, show
from kvmreconcile.errors import Problem
from kvmreconcile.session.kinds import document_kinds, known_kinds
from kvmreconcile.source.schema import schema_of, schema_of_all
from kvmreconcile.source.suggestions import advice


@dataclass(frozen=True, kw_only=True)
class SchemaOptions(Common):
    """Options of `schema`."""

    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="Kind, such as Domain. Defaults to all kinds.")
    ] = None


def schema(options: SchemaOptions) -> int:
    """
    Print the JSON Schema of spec files.

    The schema (draft 2020-12) is for editors that validate and complete YAML files.
    """
    kinds, name = document_kinds(known_kinds()), options.kind
    if name is not None and name not in kinds:
        report_problems([Problem(name, "there is no such kind", advice(name, kinds))])
        return 1
    found = schema_of_all(kinds) if name is None else schema_of(kinds[name])
    show(json.dumps(found, indent=2, ensure_ascii=False))
    return 0
