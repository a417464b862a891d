"""Write down what follows from a step that failed: an edit is taken back, or a part of it is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kvmreconcile.errors import HostError, NotFound, Refused, Rejected, StateError, Unavailable, Unsupported
from kvmreconcile.execute.ledger import Ledger
from kvmreconcile.model import Action, Actual, Key, Refusal, Unknown
from kvmreconcile.model.verbs import DEFINE
from kvmreconcile.tree import Effect

LASTS = (Unsupported, Rejected)
"""Refused again as long as spec, libvirt and QEMU are the same."""
_SAYS_NOTHING = (StateError, Unavailable, NotFound)
"""Errors that show nothing of an object."""


@dataclass(frozen=True, slots=True)
class Failures:
    """
    Writes down what failures show.

    Attributes:
        look: Returns an object as it now is.
        software: Returns the versions of libvirt and QEMU.
        now: Returns the time.
    """

    ledger: Ledger
    look: Callable[[Key], Actual | Unknown | None]
    software: Callable[[], str]
    now: Callable[[], datetime]

    def follow(self, action: Action, failure: HostError | StateError, why: str) -> None:
        """Write down that an edit does its object no good, or that libvirt refuses a part of it."""
        if isinstance(failure, _SAYS_NOTHING):
            return
        if self._shows_no_good(action, failure):
            self.ledger.failed(action.key, why)
        elif self._fails_without_edit(action, failure):
            self.ledger.clear_refusal(action.key)
        elif parts := self._refused_parts(action, failure):
            within = () if action.verb.boots or action.verb.overwrites else action.steps
            lasts = isinstance(failure, LASTS) or action.verb.boots
            passes_at = None if lasts else self.now()
            self.ledger.refused(action.key, Refusal(parts, within, why), self.software(), passes_at)

    def _shows_no_good(self, action: Action, failure: HostError | StateError) -> bool:
        """Tell whether a step failed in a way that shows an object not to do its work any more."""
        if not self.ledger.tries(action.key):
            return False
        is_start = action.verb.boots and not failure.retry
        return action.verb.probes or (is_start and self._is_off(action.key))

    def _fails_without_edit(self, action: Action, failure: HostError | StateError) -> bool:
        """Tell whether an object did not start though what was refused of its edit had been put back."""
        is_start = action.verb.boots and not failure.retry
        return is_start and self.ledger.is_put_back(action.key) and self._is_off(action.key)

    def _refused_parts(self, action: Action, failure: HostError | StateError) -> tuple[tuple[str, ...], ...]:
        """Return the parts of an edit that a failure shows to be refused, as the steps of changes."""
        stored = self.ledger.stored_parts(action.key)
        if action.verb.boots and not failure.retry:
            # What is stored and not in force is all that makes this start another than the one before.
            return stored if stored and self._is_off(action.key) else ()
        if action.verb == DEFINE and isinstance(failure, LASTS):
            # Without the part that was refused it is no good definition; as a whole it was one before.
            return stored if self.ledger.is_refused(action.key) else ()
        is_whole = action.verb.overwrites or action.verb.makes or action.verb.spans_passes
        is_live = action.effect is Effect.LIVE and not is_whole
        if not is_live or not isinstance(failure, (*LASTS, Refused)) or self._is_off(action.key):
            return ()
        return tuple(dict.fromkeys(change.steps for change in action.changes))

    def _is_off(self, key: Key) -> bool:
        seen = self.look(key) if self.ledger.has_lifecycle(key) else None
        return isinstance(seen, Actual) and not seen.active
