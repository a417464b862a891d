"""
How the daemon's log looks: JSON lines, columns where somebody reads along on a terminal, fields in the journal.

Separate from what is logged. Libraries that log by Python's own logging end up in the same stream and form.
"""

import json
import logging
import os
import traceback
from collections.abc import Iterator
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from kvmreconcile.errors import KvmReconcileError
from kvmreconcile.system.journal import PRIORITIES, Journal, is_journal_stream
from kvmreconcile.system.printable import visible

_FIRST = ("timestamp", "level", "event", "pass_id", "key")


def _traceback(exc_info: ExcInfo) -> str:
    """
    Return where an error was raised, and its class.

    Messages of Python's own errors and values of variables are left out: they may hold a password of a spec. Messages
    of this package's errors hold no secrets.
    """
    return "".join(_described(exc_info[1])).rstrip("\n")


def _described(error: BaseException) -> Iterator[str]:
    if before := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        yield from _described(before)
        yield "\nThe error above led to this one:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    says = f": {error}" if isinstance(error, KvmReconcileError) else ""
    yield f"{type(error).__qualname__}{says}\n"


_WITH_TRACEBACK = structlog.processors.ExceptionRenderer(_traceback)


def set_up(stream: TextIO) -> None:
    """Send all that is logged to a stream, or to the journal with its fields where the stream ends there."""
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
    ]
    if is_journal_stream(stream):
        journal = _Journal(Journal(), stream)
        _send_ours(journal, [*first, _WITH_TRACEBACK])
        _send_others(_Others(journal), first, _json_lines())
    else:
        first.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
        last = _columns() if stream.isatty() else _json_lines()
        _send_ours(structlog.WriteLogger(stream), [*first, *last])
        _send_others(logging.StreamHandler(stream), first, last)


def _send_ours(to: "_Journal | structlog.WriteLogger", processors: list[Processor]) -> None:
    structlog.configure(
        processors=processors,
        logger_factory=lambda *_: to,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def _send_others(to: logging.Handler, first: list[Processor], last: list[Processor]) -> None:
    """Send what is logged by Python's own logging in the same form."""
    bridge = structlog.stdlib.ProcessorFormatter
    to.setFormatter(bridge(processors=[bridge.remove_processors_meta, *last], foreign_pre_chain=first))
    logging.basicConfig(handlers=[to], level=logging.WARNING, force=True)


class _Journal:
    """What structlog hands its lines to where they go to the journal."""

    def __init__(self, journal: Journal, stream: TextIO) -> None:
        self._journal = journal
        self._stream = stream

    def msg(self, **line: object) -> None:
        """Send a line; what cannot be sent goes the stream's way, marked with its priority (sd-daemon(3))."""
        try:
            self._journal.send(line)
        except OSError:
            priority = PRIORITIES.get(str(line.get("level")), 6)
            self._stream.write(f"<{priority}>{json.dumps(line, default=str)}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


class _Others(logging.Handler):
    """Takes what is logged by Python's own logging to the journal."""

    def __init__(self, to: _Journal) -> None:
        super().__init__()
        self._to = to

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line."""
        self._to.msg(**json.loads(self.format(record)))


def _json_lines() -> list[Processor]:
    return [
        _WITH_TRACEBACK,
        _in_order,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _columns() -> list[Processor]:
    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return [_WITH_TRACEBACK, _harmless, structlog.dev.ConsoleRenderer(colors=not is_plain)]


def _in_order(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Put what every line has to its front."""
    return {name: line[name] for name in _FIRST if name in line} | dict(line)


def _harmless(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Write what a terminal would obey as escapes."""
    return {key: visible(value) if isinstance(value, str) else value for key, value in line.items()}
