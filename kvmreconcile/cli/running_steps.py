"""Track the running steps, and how long each may take at most."""

import time
from collections.abc import Callable, Iterator, Mapping

from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled
from kvmreconcile.system.printable import visible

_RECORDED = "  the state database to be written: at most 10 s for each write"
"""How long a write waits for another process that is writing."""


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
"""By kind and verb, how long a step waits for the guest; all others wait for libvirt, without a limit."""
_ENDING_SOON = frozenset({("Domain", "ready"), ("Domain", "move")})
"""Steps that poll for something, and end at the next poll once a stop is requested."""
_NEXT_POLL_S = 6.0
"""Half a second, and what a command in the guest may take."""


class RunningSteps:
    """
    A reporter that passes everything to another one, and tracks the running steps.

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
        """Pass it on."""
        self._to.settled(key, settled)

    def described(self) -> str:
        """Return a line for each running step, with the time that it may take; any thread may call this."""
        return "\n".join(self._lines()) or _RECORDED

    def _lines(self) -> Iterator[str]:
        now_s = self._clock()
        for action, since_s in self._steps.copy().values():
            what = f"  {visible(action.verb.name)} {visible(str(action.key))}"
            yield f"{what}: {_time(action, now_s - since_s)}"


def _time(action: Action, passed_s: float) -> str:
    """Return the text for how long a step may still take."""
    row = (action.key.kind, action.verb.name)
    if row in _ENDING_SOON:
        return f"until the check under way has ended, usually within {_NEXT_POLL_S:.0f} s"
    longest = _LONGEST_S.get(row)
    left_s = longest(action) - passed_s if longest else 0.0
    if left_s > 0:
        return f"at most {left_s:.0f} s for the guest"
    return f"until libvirt has completed it, without a time limit ({passed_s:.0f} s so far)"
