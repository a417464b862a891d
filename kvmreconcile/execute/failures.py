"""
Record the consequences of a failed step.

The next pass rolls back an edit on probation that failed, or reverts a part of an edit that libvirt
refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kvmreconcile.errors import HostError, NotFound, Refused, Rejected, StateError, Unavailable, Unsupported
from kvmreconcile.execute.ledger import Ledger
from kvmreconcile.model import Action, Actual, Key, Refusal, Unknown
from kvmreconcile.model.verbs import DEFINE
from kvmreconcile.tree import Effect

PERMANENT = (Unsupported, Rejected)
"""Errors that recur until the spec, libvirt or QEMU changes."""
_INCONCLUSIVE = (StateError, Unavailable, NotFound)
"""Errors that the object does not cause."""


@dataclass(frozen=True, slots=True)
class Failures:
    """
    Records the consequences of failed steps.

    Attributes:
        observe: Returns the current state of an object, or None if the object is absent.
        software: Returns the versions of libvirt and QEMU.
        now: Returns the current time.
    """

    ledger: Ledger
    observe: Callable[[Key], Actual | Unknown | None]
    software: Callable[[], str]
    now: Callable[[], datetime]

    def record(self, action: Action, failure: HostError | StateError, why: str) -> None:
        """
        Record what a failed step means for its edit.

        An edit on probation may be recorded as failed, or a part of the edit as refused by libvirt.

        Args:
            why: The error message without secrets.
        """
        if isinstance(failure, _INCONCLUSIVE):
            return
        if self._fails_probation(action, failure):
            self.ledger.record_failure(action.key, why)
        elif self._fails_without_edit(action, failure):
            self.ledger.clear_refusal(action.key)
        elif parts := self._refused_parts(action, failure):
            within = () if action.verb.boots or action.verb.overwrites else action.steps
            is_permanent = isinstance(failure, PERMANENT) or action.verb.boots
            passes_at = None if is_permanent else self.now()
            self.ledger.record_refusal(action.key, Refusal(parts, within, why), self.software(), passes_at)

    def _fails_probation(self, action: Action, failure: HostError | StateError) -> bool:
        """Return whether a failed step proves that an edit on probation does not work."""
        if not self.ledger.is_on_probation(action.key):
            return False
        is_start = action.verb.boots and not failure.retry
        return action.verb.probes or (is_start and self._is_off(action.key))

    def _fails_without_edit(self, action: Action, failure: HostError | StateError) -> bool:
        """Return whether an object failed to start although its refused edit was reverted."""
        is_start = action.verb.boots and not failure.retry
        return is_start and self.ledger.is_put_back(action.key) and self._is_off(action.key)

    def _refused_parts(self, action: Action, failure: HostError | StateError) -> tuple[tuple[str, ...], ...]:
        """
        Return the parts of an edit that libvirt refused, according to a failure.

        Each part is the path of a change in the definition, as a tuple of steps.
        """
        stored = self.ledger.stored_parts(action.key)
        if action.verb.boots and not failure.retry:
            # This start differs from the previous one only in stored changes that are not effective
            # yet.
            return stored if stored and self._is_off(action.key) else ()
        if action.verb == DEFINE and isinstance(failure, PERMANENT):
            # The previous definition was valid. The new one is invalid without the refused part.
            return stored if self.ledger.is_refused(action.key) else ()
        is_whole = action.verb.overwrites or action.verb.makes or action.verb.spans_passes
        is_live = action.effect is Effect.LIVE and not is_whole
        if not is_live or not isinstance(failure, (*PERMANENT, Refused)) or self._is_off(action.key):
            return ()
        return tuple(dict.fromkeys(change.steps for change in action.changes))

    def _is_off(self, key: Key) -> bool:
        seen = self.observe(key) if self.ledger.has_lifecycle(key) else None
        return isinstance(seen, Actual) and not seen.active
