"""
`kvmreconcile approve`, `suspend`, `resume` and `reconcile`: send requests (orders) to the daemon.

If no daemon answers, `suspend` and `resume` write to the state database.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from kvmreconcile.cli.options import Common
from kvmreconcile.cli.recording import invoker, record_order
from kvmreconcile.cli.session import check_state, parse_keys, use_state
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import say, show
from kvmreconcile.control.client import Client
from kvmreconcile.control.resumption import describe_not_suspended, describe_resumption
from kvmreconcile.errors import NoDaemon, Problem, SpecError
from kvmreconcile.model import LATEST, Key, Suspension
from kvmreconcile.schema.section import read_seconds
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import State

Object = Annotated[str | None, typer.Argument(metavar="KIND/NAME", help="The object.")]
Everything = Annotated[bool, typer.Option("--all", help="All objects of this instance.")]
STATE_WRITTEN = "  writes to the state database: at most 10 s each"
"""What a command that writes to the state database may be waiting for when it is interrupted."""
Why = Annotated[
    str,
    typer.Option(
        "--why",
        metavar="TEXT",
        help="Reason to show in the history. The reason of a suspension is also shown by status.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class ApproveOptions(Common):
    """Options of `approve`."""

    digest: Annotated[
        str, typer.Argument(metavar="DIGEST", help="Digest of the plan, as shown by plan and status.")
    ]
    why: Why = ""


@dataclass(frozen=True, kw_only=True)
class SuspendOptions(Common):
    """Options of `suspend`."""

    key: Object = None
    everything: Everything = False
    lasts: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TIME",
            help='Duration, such as "2h". Without --for and --until, the suspension lasts until resume.',
        ),
    ] = None
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME", help='End of the suspension, as "YYYY-MM-DD HH:MM" in local time.'
        ),
    ] = None
    why: Why = ""


@dataclass(frozen=True, kw_only=True)
class ResumeOptions(Common):
    """Options of `resume`."""

    key: Object = None
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Lift the suspension of all objects. Objects that were suspended individually stay suspended.",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class ReconcileOptions(Common):
    """Options of `reconcile`."""

    key: Annotated[
        str | None, typer.Argument(metavar="KIND/NAME", help="The object. Defaults to all objects.")
    ] = None


def approve(options: ApproveOptions) -> int:
    """
    Approve a plan by its digest.

    The daemon executes the plan, including held actions that an approval can release.
    """
    body = {"digest": options.digest, "why": options.why}
    show(give_order(options.settings(), "approve", body))
    return 0


def suspend(options: SuspendOptions) -> int:
    """Suspend the reconciliation of an object, or of all objects."""
    key, until = _key(options.key, everything=options.everything), _until(options)
    body = {**_about(key), "until": until.isoformat() if until else None, "why": options.why}
    suspension = Suspension(datetime.now(UTC), until, options.why, invoker())

    def save(state: State) -> tuple[str, bool]:
        state.suspend(key, suspension)
        return f"{key} is suspended" if key else "all objects are suspended", True

    return _send_or_save(options, "suspend", body, save)


def resume(options: ResumeOptions) -> int:
    """Resume the reconciliation of an object, or of all objects."""
    key = _key(options.key, everything=options.everything)

    def save(state: State) -> tuple[str, bool]:
        is_changed = state.resume(key)
        describe = describe_resumption if is_changed else describe_not_suspended
        return describe(key, state.suspended(), datetime.now(UTC), options.settings().commands), is_changed

    return _send_or_save(options, "resume", _about(key), save)


def reconcile(options: ReconcileOptions) -> int:
    """
    Reconcile an object, or all objects, now.

    Failed actions are retried.
    """
    key = _key(options.key, everything=options.key is None)
    show(give_order(options.settings(), "reconcile", _about(key)))
    return 0


def give_order(settings: Settings, word: str, body: Mapping[str, object]) -> str:
    """
    Send a request to the daemon, and return the daemon's message.

    Args:
        word: The name of the request, such as "suspend".
        body: The parameters of the request.

    Raises:
        NoDaemon: No daemon answers.
        OrderError: The daemon refuses the request.
    """
    history = settings.commands.kvmreconcile("history")
    interruption.remark = f"if a daemon runs, it may already have received the request; see: {history}"
    message = Client(settings).order(word, body)
    interruption.remark = ""
    return message


def _send_or_save(
    options: Common, word: str, body: dict[str, object], save: Callable[[State], tuple[str, bool]]
) -> int:
    """
    Send a request to the daemon, or save it in the state database if no daemon answers.

    Args:
        word: The name of the request, such as "suspend".
        body: The parameters of the request.
        save: Saves the request, and returns a message and whether the state has changed.
    """
    settings = options.settings()
    try:
        show(give_order(settings, word, body))
    except NoDaemon as error:
        with use_state(State.open(settings.state)) as state:
            check_state(settings, state)
            with interruption.working(lambda: STATE_WRITTEN):
                words, is_changed = save(state)
                show(words)
                if not is_changed:
                    return 0
                record_order(state, settings, word, str(body.get("key", "")), str(body.get("why", "")))
        where = f"the request was saved in {settings.state} and applies to every pass and `apply` that starts from now on"
        say(f"kvmreconcile: {error.problem.where}: {error.problem.what}; {where}")
    return 0


def _key(word: str | None, *, everything: bool) -> Key | None:
    if (word is None) != everything:
        raise SpecError(
            [
                Problem(
                    "KIND/NAME",
                    "give either one object or --all",
                    "name an object as KIND/NAME, or use --all",
                )
            ]
        )
    return next(iter(parse_keys([word], known_kinds()))) if word else None


def _about(key: Key | None) -> dict[str, object]:
    return {"key": str(key)} if key else {"all": True}


def _until(options: SuspendOptions) -> datetime | None:
    """Return when a suspension ends, or None if it lasts until `resume`."""
    if options.lasts and options.until:
        raise _bad_time("--until", "cannot be combined with --for")
    now, name = datetime.now(UTC), "--for" if options.lasts else "--until"
    try:
        until = now + timedelta(seconds=read_seconds(options.lasts)) if options.lasts else None
        until = datetime.fromisoformat(options.until).astimezone(UTC) if options.until else until
    except OverflowError:
        raise _bad_time(name, "the time is out of range") from None
    except ValueError as error:
        raise _bad_time(
            name, str(error) if options.lasts else f"'{options.until}' is not a date and time"
        ) from None
    if until and until > LATEST:
        raise _bad_time(name, "the time is too far in the future")
    if until and until <= now:
        raise _bad_time(name, "the time is not in the future")
    return until


def _bad_time(name: str, what: str) -> SpecError:
    tomorrow = datetime.now().astimezone() + timedelta(days=1)
    return SpecError([Problem(name, what, f'write --for 2h, or --until "{tomorrow:%Y-%m-%d} 18:00"')])
