"""Track the running steps, and how long each step may still take."""

import time
from collections.abc import Callable, Iterator, Mapping

from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled
from kvmreconcile.system.printable import visible

_RECORDED = "  writes to the state database: at most 10 s each"
"""Shown while no step is running. A write waits at most 10 s for another process that is writing."""


def _shutdown_s(action: Action) -> float:
    how = action.policy.lifecycle.shutdown
    return how.timeout_s if how.ways else 0.0


def _detach_s(_action: Action) -> float:
    return 30.0


def _balloon_s(_action: Action) -> float:
    return 10.0


_LONGEST_S: Mapping[tuple[str, str], Callable[[Action], float]] = {
    ("Domain", "stop"): _shutdown_s,
    ("Domain", "restart"): _shutdown_s,
    ("Domain", "remove"): _shutdown_s,
    ("Domain", "replace"): _shutdown_s,
    ("Domain", "detach"): _detach_s,
    ("Domain", "replug"): _detach_s,
    ("Domain", "set-memory"): _balloon_s,
}
"""How long a step waits for the guest, by kind and verb. Other steps wait for libvirt, without a limit."""
_ENDING_SOON = frozenset({("Domain", "ready"), ("Domain", "move")})
"""Steps that poll. When a stop is requested, such a step ends at its next poll."""
_NEXT_POLL_S = 6.0
"""Half a second, plus the time that a command in the guest may take."""


class RunningSteps:
    """
    A reporter that forwards all calls to another reporter, and tracks the running steps.

    Args:
        to: The other reporter.
        clock: Returns the seconds of a monotonic clock.
    """

    def __init__(self, to: Reporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._to = to
        self._clock = clock
        self._steps: dict[tuple[Key, str], tuple[Action, float]] = {}

    def started(self, action: Action) -> None:
        """Record that an action begins."""
        self._steps[action.key, action.verb.name] = (action, self._clock())
        self._to.started(action)

    def finished(self, outcome: Outcome) -> None:
        """Record that an action has ended."""
        self._steps.pop((outcome.action.key, outcome.action.verb.name), None)
        self._to.finished(outcome)

    def settled(self, key: Key, settled: Settled) -> None:
        """Forward a value that libvirt stores differently from the spec."""
        self._to.settled(key, settled)

    def described(self) -> str:
        """Return one line for each running step, with its time limit; any thread may call this."""
        return "\n".join(self._lines()) or _RECORDED

    def _lines(self) -> Iterator[str]:
        now_s = self._clock()
        for action, since_s in self._steps.copy().values():
            what = f"  {visible(action.verb.name)} {visible(str(action.key))}"
            yield f"{what}: {_time(action, now_s - since_s)}"


def _time(action: Action, passed_s: float) -> str:
    """
    Return a text that says how long a step may still take.

    Args:
        passed_s: Seconds since the start of the step.
    """
    row = (action.key.kind, action.verb.name)
    if row in _ENDING_SOON:
        return f"until the running check ends, usually within {_NEXT_POLL_S:.0f} s"
    longest = _LONGEST_S.get(row)
    left_s = longest(action) - passed_s if longest else 0.0
    if left_s > 0:
        return f"at most {left_s:.0f} s for the guest"
    return f"until libvirt completes the step, without a time limit ({passed_s:.0f} s so far)"
