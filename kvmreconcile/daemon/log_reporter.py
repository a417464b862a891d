"""
Tell the log of every step: the reporter called "log".

Separate from the passes, which know reporters only by their protocol.
"""

import structlog

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
    return {"key": str(action.key), "verb": action.verb.name}
