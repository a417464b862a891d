"""
Configure the daemon's log: JSON lines, columns on a terminal, or fields in the journal.

Messages of libraries that use Python's `logging` module go to the same stream in the same format.
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
    Return the traceback of an error.

    The messages of Python's own errors and the values of variables are left out, because they may contain a password
    from a spec. The messages of this package's errors contain no secrets.
    """
    return "".join(_describe(exc_info[1])).rstrip("\n")


def _describe(error: BaseException) -> Iterator[str]:
    if before := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        yield from _describe(before)
        yield "\nThe error above caused the following error:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    says = f": {error}" if isinstance(error, KvmReconcileError) else ""
    yield f"{type(error).__qualname__}{says}\n"


_WITH_TRACEBACK = structlog.processors.ExceptionRenderer(_traceback)


def configure_logging(stream: TextIO) -> None:
    """
    Send all log messages to a stream.

    If the stream is connected to the journal, send messages with their fields to the journal instead.
    """
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
    ]
    if is_journal_stream(stream):
        journal = _Journal(Journal(), stream)
        _configure_structlog(journal, [*first, _WITH_TRACEBACK])
        _configure_logging(_ForeignLogHandler(journal), first, _json_lines())
    else:
        first.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
        last = _columns() if stream.isatty() else _json_lines()
        _configure_structlog(structlog.WriteLogger(stream), [*first, *last])
        _configure_logging(logging.StreamHandler(stream), first, last)


def _configure_structlog(to: "_Journal | structlog.WriteLogger", processors: list[Processor]) -> None:
    structlog.configure(
        processors=processors,
        logger_factory=lambda *_: to,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def _configure_logging(to: logging.Handler, first: list[Processor], last: list[Processor]) -> None:
    """Send messages of Python's `logging` module to a handler, in the format of all other messages."""
    bridge = structlog.stdlib.ProcessorFormatter
    to.setFormatter(bridge(processors=[bridge.remove_processors_meta, *last], foreign_pre_chain=first))
    logging.basicConfig(handlers=[to], level=logging.WARNING, force=True)


class _Journal:
    """A structlog logger that sends lines to the journal."""

    def __init__(self, journal: Journal, stream: TextIO) -> None:
        self._journal = journal
        self._stream = stream

    def msg(self, **line: object) -> None:
        """
        Send a line to the journal.

        If this fails, write the line to the stream, prefixed with its priority (sd-daemon(3)).
        """
        try:
            self._journal.send(line)
        except OSError:
            priority = PRIORITIES.get(str(line.get("level")), 6)
            self._stream.write(f"<{priority}>{json.dumps(line, default=str)}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


class _ForeignLogHandler(logging.Handler):
    """Sends messages of Python's `logging` module to the journal."""

    def __init__(self, to: _Journal) -> None:
        super().__init__()
        self._to = to

    def emit(self, record: logging.LogRecord) -> None:
        """Send one message."""
        self._to.msg(**json.loads(self.format(record)))


def _json_lines() -> list[Processor]:
    return [
        _WITH_TRACEBACK,
        _put_common_fields_first,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _columns() -> list[Processor]:
    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return [_WITH_TRACEBACK, _escape_control_characters, structlog.dev.ConsoleRenderer(colors=not is_plain)]


def _put_common_fields_first(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Move the fields that most lines have to the front of a line."""
    return {name: line[name] for name in _FIRST if name in line} | dict(line)


def _escape_control_characters(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Escape the control characters that a terminal would interpret."""
    return {key: visible(value) if isinstance(value, str) else value for key, value in line.items()}
