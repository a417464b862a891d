"""
How the daemon's log looks: JSON lines, or columns where somebody reads along on a terminal.

Separate from what is logged. Libraries that log by Python's own logging end up in the same stream and form.
"""

import logging
import os
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from kvmreconcile.plan.render.words import visible

_FIRST = ("timestamp", "level", "event", "pass_id", "key")


def set_up(stream: TextIO) -> None:
    """Send all that is logged to a stream."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = _columns() if stream.isatty() else _json_lines()
    structlog.configure(
        processors=[*shared, *renderer],
        logger_factory=structlog.WriteLoggerFactory(stream),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    bridge = structlog.stdlib.ProcessorFormatter
    others = logging.StreamHandler(stream)
    others.setFormatter(
        bridge(processors=[bridge.remove_processors_meta, *renderer], foreign_pre_chain=shared)
    )
    logging.basicConfig(handlers=[others], level=logging.WARNING, force=True)


def _json_lines() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        _in_order,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _columns() -> list[Processor]:
    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return [_harmless, structlog.dev.ConsoleRenderer(colors=not is_plain)]


def _in_order(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Put what every line has to its front."""
    return {name: line[name] for name in _FIRST if name in line} | dict(line)


def _harmless(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Write what a terminal would obey as escapes."""
    return {key: visible(value) if isinstance(value, str) else value for key, value in line.items()}
