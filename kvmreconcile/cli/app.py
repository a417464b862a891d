"""Register the commands, and the options that all commands share."""

from importlib.metadata import version
from typing import Annotated

import typer

from kvmreconcile.cli.accept import accept
from kvmreconcile.cli.adopt import adopt
from kvmreconcile.cli.apply import apply
from kvmreconcile.cli.diff import diff
from kvmreconcile.cli.explain import explain
from kvmreconcile.cli.fetch import fetch
from kvmreconcile.cli.history import history
from kvmreconcile.cli.options import Common, ConfigFile, Connect, StateDirectory, command, group
from kvmreconcile.cli.orders import approve, reconcile, resume, suspend
from kvmreconcile.cli.plan import plan
from kvmreconcile.cli.run import run
from kvmreconcile.cli.schema import schema
from kvmreconcile.cli.status import status
from kvmreconcile.cli.terminal import show
from kvmreconcile.cli.validate import validate

app = typer.Typer(
    name="kvmreconcile",
    help="Make a libvirt host match YAML specs, with as little disruption as possible.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        show(f"kvmreconcile {version('kvmreconcile')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    *,
    connect: Connect = None,
    state: StateDirectory = None,
    config: ConfigFile = None,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit."),
    ] = False,
) -> None:
    """Read the options that precede the command name."""
    context.obj = Common(connect=connect, state=state, config=config)


_LOCAL = (validate, plan, apply, diff, adopt, schema, explain, fetch, history, run)
_DAEMON = (status, approve, suspend, resume, reconcile)
"""Commands that do their work in their own process, and commands that send a request to the daemon."""
for _run in (*_LOCAL, *_DAEMON):
    command(app)(_run)
command(group(app, "state", "Commands for the state database."))(accept)
