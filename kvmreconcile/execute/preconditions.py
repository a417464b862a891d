"""
Check, before a step, that its object has not changed since the plan was made.

A plan may wait a long time before it is executed. Changes that other tools make in the meantime
must not be overwritten.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kvmreconcile.errors import Busy, HostError, Rejected
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Actual, Key, Unknown, World
from kvmreconcile.tree import Rules, diff


@dataclass(frozen=True, slots=True)
class Preconditions:
    """
    Checks the objects of one plan.

    Attributes:
        world: The specs, observations and records that the plan was made from.
        observe: Returns the current state of an object, or None if the object is absent.
    """

    world: World
    kinds: Mapping[str, Kind]
    observe: Callable[[Key], Actual | Unknown | None]

    def check(self, action: Action) -> None:
        """
        Check that a step neither creates an existing object nor overwrites a changed one.

        Raises:
            Busy: The object to overwrite has changed, or a job is running on it.
            Rejected: The object to create already exists.
            HostError: The object cannot be observed now.
        """
        before = self.world.observed.objects.get(action.key)
        if action.verb.makes:
            self._check_absent(action.key)
        if action.verb.overwrites and isinstance(before, Actual):
            check_same(before, self.observe(action.key), self.kinds[action.key.kind].rules)

    def is_untouched(self, key: Key, error: HostError) -> bool:
        """
        Return whether a failed attempt to create an object left the host unchanged.

        Args:
            error: The error of the attempt.
        """
        if isinstance(error, Rejected):
            return True
        before, now = self.world.observed.objects.get(key), self.observe(key)
        same = isinstance(before, Actual) and isinstance(now, Actual) and before.xml == now.xml
        return now is None or same

    def _check_absent(self, key: Key) -> None:
        """Check that an object does not exist if it was unobservable when the plan was made."""
        unobservable = self.world.observed.unobservable_part(key) is not None
        known = self.world.applied.get(key)
        if not unobservable or (known is not None and not known.complete):
            return
        now = self.observe(key)
        if isinstance(now, Unknown):
            why = now.why.removeprefix(f"{key}: ")
            raise HostError(f"{key} cannot be observed, so it may exist already: {why}")
        if now is not None:
            raise Rejected(
                f"{key}: the object exists, although it could not be observed before; "
                "the next pass or apply compares it"
            )


def check_same(before: Actual, now: Actual | Unknown | None, rules: Rules) -> None:
    """
    Check that an object has not changed since it was observed.

    An object that no longer exists passes the check, as drivers handle this case.

    Raises:
        Busy: The object has changed, or a job is running on it that was not running before.
        HostError: The object cannot be observed now.
    """
    if isinstance(now, Unknown):
        why = now.why.removeprefix(f"{now.key}: ")
        raise HostError(f"{now.key} cannot be observed: {why}")
    if now is None:
        return
    if now.job and not before.job:
        raise Busy(f"{now.key}: {now.job}; the next pass or apply after the job replans the object")
    is_same = (now.uuid, now.ownership_mark) == (before.uuid, before.ownership_mark)
    if not is_same or any(diff(before.tree, now.tree, rules)):
        what = "the object changed after the plan was made"
        raise Busy(f"{now.key}: {what}; the next pass or apply replans it")
