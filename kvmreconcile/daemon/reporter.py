"""
Tell of every step: the log, by the reporter called "log", and those who follow the daemon, whatever the reporter.

Separate from the passes, which know reporters only by their protocol.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from kvmreconcile.daemon.news import Follower, Looked, Stepped, tell
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Result, Settled


class LogReporter:
    """Writes a line when an action begins, and one when it has ended."""

    def __init__(self) -> None:
        # Executors report from threads of their own, which do not inherit what the pass has bound.
        self._log = structlog.get_logger().bind(**structlog.contextvars.get_contextvars())

    def started(self, action: Action) -> None:
        """Log what is begun, and why."""
        self._log.info(
            "action.started", **_names(action), effect=str(action.effect), reason=action.reason.value
        )

    def finished(self, outcome: Outcome) -> None:
        """Log what came of it."""
        names, took_s = _names(outcome.action), round(outcome.took_s, 3)
        match outcome.result:
            case Result.DONE:
                self._log.info("action.done", **names, took_s=took_s)
            case Result.FAILED:
                self._log.error("action.failed", **names, took_s=took_s, error=outcome.error)
            case Result.SKIPPED:
                self._log.info("action.skipped", **names, why=outcome.error)

    def settled(self, key: Key, settled: Settled) -> None:
        """Log what libvirt keeps otherwise than asked."""
        said = {"path": settled.path, "asked": settled.asked, "answered": settled.answered}
        self._log.info("field.settled", key=str(key), **said)


def _names(action: Action) -> dict[str, str]:
    return {"key": str(action.key), "verb": action.verb}


@dataclass(frozen=True, slots=True)
class Telling:
    """A reporter that tells another, and those who follow."""

    looked: Looked
    to: Reporter
    followers: tuple[Follower, ...]

    def started(self, action: Action) -> None:
        """Pass it on."""
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        """Pass it on, and tell those who follow."""
        self.to.finished(outcome)
        tell(self.followers, Stepped(datetime.now(UTC), self.looked, outcome))

    def settled(self, key: Key, settled: Settled) -> None:
        """Pass it on."""
        self.to.settled(key, settled)
