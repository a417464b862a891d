"""Log every step. In the settings, the name of this reporter is "log"."""

import structlog

from kvmreconcile.model import Action, Key, Outcome, Result, Settled


class LogReporter:
    """Logs the start and the end of every action."""

    def __init__(self) -> None:
        # Executors report from their own threads, which do not inherit the log fields that the pass has bound.
        self._log = structlog.get_logger().bind(**structlog.contextvars.get_contextvars())

    def started(self, action: Action) -> None:
        """Log the start of an action, with its reason."""
        self._log.info(
            "action.started", **_names(action), effect=str(action.effect), reason=action.reason.value
        )

    def finished(self, outcome: Outcome) -> None:
        """Log the result of an action."""
        names, took_s = _names(outcome.action), round(outcome.took_s, 3)
        match outcome.result:
            case Result.DONE:
                self._log.info("action.done", **names, took_s=took_s)
            case Result.FAILED:
                self._log.error("action.failed", **names, took_s=took_s, error=outcome.error)
            case Result.SKIPPED:
                self._log.info("action.skipped", **names, why=outcome.error)

    def settled(self, key: Key, settled: Settled) -> None:
        """Log a value that libvirt stores differently from the spec."""
        values = {"path": settled.path, "asked": settled.asked, "answered": settled.answered}
        self._log.info("field.settled", key=str(key), **values)


def _names(action: Action) -> dict[str, str]:
    return {"key": str(action.key), "verb": action.verb.name}
