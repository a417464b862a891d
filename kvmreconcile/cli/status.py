"""`kvmreconcile status`: show the status of the daemon."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

import typer

from kvmreconcile.cli.options import Common
from kvmreconcile.cli.session import parse_keys
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.status_view import (
    approval_lines,
    daemon_lines,
    object_lines,
    object_table,
    owner_of,
    placement_lines,
    problem_lines,
)
from kvmreconcile.cli.terminal import say, show
from kvmreconcile.control.client import Client
from kvmreconcile.errors import NoDaemon
from kvmreconcile.session.kinds import document_kinds, known_expanders, known_kinds
from kvmreconcile.status.condition import Condition

NOT_CONVERGED = 3
"""Exit status if an object is not converged."""
_POLL_S = 1.0
Json = Mapping[str, Any]


class StatusFormat(Enum):
    """Output format of the status."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class StatusOptions(Common):
    """Options of `status`."""

    key: Annotated[
        str | None,
        typer.Argument(metavar="KIND/NAME", help="Object. Defaults to the daemon and all objects."),
    ] = None
    output: Annotated[StatusFormat, typer.Option("--output", "-o", help="Output format.")] = StatusFormat.TEXT
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show the status again whenever it changes.")
    ] = False


def status(options: StatusOptions) -> int:
    """Show the daemon's status and the condition of each object."""
    interruption.remark = ""
    client = Client(options.settings())
    read: Callable[[], Json] = partial(client.get, "/v1/status")
    if options.key:
        (key,) = parse_keys([options.key], document_kinds(known_kinds()))
        if key.kind in known_expanders():
            options, read = replace(options, key=None), partial(_members, client, str(key))
        else:
            read = partial(client.get, f"/v1/objects/{key.kind}/{quote(key.name)}")
    if options.watch:
        _watch(read, options)
    return _show_status(read(), options)


def _watch(read: Callable[[], Json], options: StatusOptions) -> NoReturn:
    """Show the status again whenever it changes, until the command is interrupted."""
    before: tuple[Json | None, str] = (None, "")
    while True:
        try:
            found = read()
        except NoDaemon as error:
            if before[1] != (wrong := str(error)):
                say(wrong)
            before = (None, wrong)
        else:
            if before[0] != found:
                _show_status(found, options)
            before = (found, "")
        time.sleep(_POLL_S)


def _members(client: Client, owner: str) -> Json:
    """Return the status with only the objects that a document generates."""
    found = client.get("/v1/status")
    objects = [each for each in found["objects"] if owner_of(each) == owner]
    is_converged = bool(objects) and all(each["condition"] == Condition.READY.value for each in objects)
    return {**found, "objects": objects, "converged": is_converged}


def _show_status(found: Json, options: StatusOptions) -> int:
    if options.output is StatusFormat.JSON:
        # With --watch, one document per line, which a program can read as a stream.
        show(json.dumps(found, indent=None if options.watch else 2))
    elif options.key:
        show("\n".join(object_lines(found)))
    else:
        show(
            "\n".join(
                (
                    *daemon_lines(found),
                    "",
                    *object_table(found["objects"]),
                    *placement_lines(found),
                    *problem_lines(found),
                    *approval_lines(found),
                )
            )
        )
    is_converged = found["condition"] == Condition.READY.value if options.key else found["converged"]
    return 0 if is_converged else NOT_CONVERGED
