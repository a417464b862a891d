"""
Register functions that take a dataclass of options as commands.

The options that all commands share may be given before or after the command name.
"""

import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from kvmreconcile.cli.terminal import report_problems, say
from kvmreconcile.errors import KvmReconcileError, SpecError
from kvmreconcile.settings.loading import PREFIX, read_settings
from kvmreconcile.settings.settings import Settings

CONFIG = "KVMRECONCILE_CONFIG"
Connect = Annotated[
    str | None,
    typer.Option(
        "--connect",
        metavar="URI",
        help="libvirt URI. Defaults to $KVMRECONCILE_CONNECT, then to `connect` in the settings file.",
    ),
]
StateDirectory = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="Directory of the state database.")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file. Defaults to $KVMRECONCILE_CONFIG, then to /etc/kvmreconcile/kvmreconcile.yaml if it exists.",
    ),
]
Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH",
        help="Spec files and directories. Defaults to the repository or directory in the settings file.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Common:
    """Options that every command has."""

    connect: Connect = None
    state: StateDirectory = None
    config: ConfigFile = None

    def settings(self) -> Settings:
        """Return the settings; command-line options take precedence over the settings file."""
        given: dict[str, object] = {"connect": self.connect, "state": self.state}
        # Typer does not read these variables: a variable would override an option before the command's name.
        named = os.environ.get(CONFIG)
        file = self.config or (Path(named) if named else None)
        settings = read_settings(file).model_copy(update={k: v for k, v in given.items() if v is not None})
        return settings.with_options(self._named(file))

    def _named(self, file: Path | None) -> tuple[str, ...]:
        """
        Return the options with which another command, run in any directory, uses the same settings.

        Values from environment variables are included, because another shell may not have these
        variables and sudo drops them.

        Args:
            file: The settings file, or None if neither an option nor a variable names a file.
        """
        state = self.state or os.environ.get(f"{PREFIX}STATE")
        places = {"--config": file, "--state": Path(state) if state else None}
        options = {name: str(place.absolute()) for name, place in places.items() if place}
        connect = self.connect or os.environ.get(f"{PREFIX}CONNECT")
        options |= {"--connect": connect} if connect else {}
        return tuple(word for option in options.items() for word in option)

    def over(self, other: "Common") -> "Common":
        """Return these options, with values from `other` for options that were not given."""
        missing = {f.name for f in fields(Common) if getattr(self, f.name) is None}
        return replace(self, **{name: getattr(other, name) for name in missing})


T = TypeVar("T", bound=Common)
Run = Callable[[T], int]


def command(app: typer.Typer) -> Callable[[Run[T]], Run[T]]:
    """
    Return a decorator that registers a function as the command of the same name.

    The function takes a dataclass of options and returns the exit status.
    """

    def register(run: Run[T]) -> Run[T]:
        options: type[T] = get_type_hints(run)["options"]

        def call(context: typer.Context, **given: Any) -> None:
            before = context.obj if isinstance(context.obj, Common) else Common()
            chosen = options(**given).over(before)
            if status := run_guarded(lambda: run(chosen)):  # type: ignore[arg-type] # `over` keeps the type
                raise typer.Exit(status)

        call.__signature__ = _signature(options)  # type: ignore[attr-defined] # read by Typer
        call.__annotations__ = {}
        call.__doc__ = run.__doc__
        app.command(run.__name__)(call)
        return run

    return register


def _signature(options: type[Common]) -> inspect.Signature:
    hints = get_type_hints(options, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    for field in sorted(fields(options), key=lambda f: f.name in _COMMON):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        missing = inspect.Parameter.empty if default is MISSING else default
        hint = hints[field.name]
        parameters.append(inspect.Parameter(field.name, keyword, default=missing, annotation=hint))
    return inspect.Signature(parameters)


def group(app: typer.Typer, name: str, about: str) -> typer.Typer:
    """
    Add a group of commands, which accepts the options that every command has.

    Args:
        about: The help text of the group.
    """
    commands = typer.Typer(name=name, help=about, no_args_is_help=True)

    @commands.callback()
    def over(
        context: typer.Context,
        *,
        connect: Connect = None,
        state: StateDirectory = None,
        config: ConfigFile = None,
    ) -> None:
        before = context.obj if isinstance(context.obj, Common) else Common()
        context.obj = Common(connect=connect, state=state, config=config).over(before)

    app.add_typer(commands)
    return commands


_COMMON = frozenset(f.name for f in fields(Common))


def run_guarded(run: Callable[[], int]) -> int:
    """Run a command and return its exit status; print expected errors without a traceback."""
    try:
        return run()
    except SpecError as error:
        report_problems(error.problems)
        return 1
    except KvmReconcileError as error:
        say(f"kvmreconcile: {error}")
        return 1


class MaxEffect(Enum):
    """Largest effect allowed without approval."""

    LIVE = "live"
    NEXT_BOOT = "next-boot"
    RESTART = "restart"
    REPLACE = "replace"
    DATA_LOSS = "data-loss"
