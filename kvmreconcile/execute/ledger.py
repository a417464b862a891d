"""
Keep the state true at every moment of an execution, so that `kill -9` between any two steps does no harm.

Separate from acting. Everything is written down before it is begun, so that the next pass knows it to be ours and
unfinished.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from kvmreconcile.execute.probation import ProbationLedger
from kvmreconcile.execute.stored_edits import StoredEdits
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Actual, Applied, Key, Refusal, Settled, Unknown, World
from kvmreconcile.model.verbs import DEFINE
from kvmreconcile.plan.compare.applied import (
    applied_after,
    applied_before_creation,
    started_step,
    without_edit,
)
from kvmreconcile.plan.compare.digests import fingerprint
from kvmreconcile.plan.compare.in_force import proposal, rules_for
from kvmreconcile.plan.compare.pauses import stays_off
from kvmreconcile.plan.compare.pending import still_pending, to_remember
from kvmreconcile.plan.compare.refused_parts import with_kept
from kvmreconcile.plan.compare.settled import find_settled_live, run_of
from kvmreconcile.plan.secrets.masks import mask
from kvmreconcile.state import State
from kvmreconcile.tree import Change, Node, overlay
from kvmreconcile.tree.variants import for_policy


class Ledger:
    """What is remembered of the objects of one execution; several threads may use it for different objects."""

    def __init__(
        self, kinds: Mapping[str, Kind], state: State, world: World, back: Collection[Key] = ()
    ) -> None:
        self._kinds = kinds
        self._state = state
        self._world = world
        self._now = dict(world.applied)
        self._probations = ProbationLedger(kinds, state, world, back)
        self._edits = StoredEdits(kinds, state, world)
        self._earlier: dict[Key, Applied | None] = {}
        self._started: set[Key] = set()

    def before(self, action: Action, waiting: Iterable[Change] = ()) -> None:
        """
        Write down that an object is ours, and all that it may now come to hold on our behalf.

        Args:
            waiting: What will be stored and not in force.
        """
        desired = self._world.desired.get(action.key)
        if desired is None or action.verb.removes or action.verb.renames:
            # Cut short after its rename, a domain is known by its mark.
            return
        kind = self._kinds[action.key.kind]
        meant = applied_before_creation(desired, self._world.instance, kind)
        known = self._earlier[action.key] = self._now.get(action.key)
        if action.verb.makes:
            self._put(replace(meant, uuid=self._uuid(meant)))
            return
        if known is None:
            doing = replace(meant, uuid=self._uuid(meant), complete=True, digest="")
        elif action.verb.is_ordered:
            # It stores nothing, and an edit that is withheld meanwhile is not asked for yet.
            doing = replace(known, digest="")
        else:
            # Should this be cut short and the spec then change, what it added is still known as ours.
            both = for_policy(kind.rules, plain=True, shared=True, ignored=())
            tree = mask(overlay(meant.tree, known.tree, both), rules_for(desired, kind))
            doing = replace(known, tree=tree, digest="", secrets=meant.secrets)
        doing = replace(doing, begun=started_step(action.reason, meant.digest))
        seen = self._world.observed.actual(action.key)
        if any(change.rule in kind.incomplete_after for change in action.changes):
            # Killed before it is started, it is completed as one that is created.
            doing = replace(doing, complete=False)
        if action.verb == DEFINE and seen:
            # First, as it is the way back from what follows.
            self._probations.begin(desired, seen, known)
            self._edits.begin(action, seen)
            pending = to_remember(waiting, desired, seen, kind)
            doing = replace(doing, runtime_id=seen.runtime_id, pending=pending)
        self._put(doing)

    def take_back(self, key: Key) -> None:
        """
        Write down what was known before an attempt to make or define an object which changed nothing.

        Called unfinished, what exists under its name would be made anew by the next pass, over its bytes.
        """
        earlier = self._earlier.get(key)
        if earlier is None:
            self._forget(key)
        else:
            self._put(earlier)
        self._probations.take_back(key)
        self._edits.take_back(key)

    def after(self, action: Action) -> None:
        """Write down that an object is whole, gone, or has another name."""
        known, earlier = self._now.get(action.key), self._earlier.get(action.key)
        completing = self._kinds[action.key.kind].completing
        if action.verb.renames and action.former:
            self._state.rename(action.former, action.key)
        elif action.verb.removes:
            self._forget(action.key)
            self._probations.end(action.key)
            self._edits.end(action.key)
        elif action.verb.makes and known:
            self._put(replace(known, complete=not completing or (earlier is not None and earlier.complete)))
            self._edits.end(action.key)
        elif action.verb.name == completing and known:
            self._put(replace(known, complete=True))
        elif action.verb.boots:
            self._started.add(action.key)

    def stored(self, key: Key, look: Callable[[Key], Actual | Unknown | None]) -> None:
        """Write down what libvirt has made of a definition that was just written; `look` is asked if that counts."""
        seen = self._world.observed.actual(key)
        now = look(key) if self._edits.get(key) else None
        if seen and isinstance(now, Actual):
            self._edits.stored(key, seen, now)

    def is_disputed(self, key: Key, actual: Actual | Unknown | None, planned: Iterable[Change]) -> bool:
        """
        Tell whether a value is neither the one that was stored nor the one before.

        Either libvirt normalises the value, and will do so again; or another client changed it after it was stored.

        Args:
            planned: The changes that the plan makes or holds.
        """
        desired, before = self._world.desired.get(key), self._world.applied.get(key)
        if desired is None or not isinstance(actual, Actual):
            return False
        known = {fingerprint(change) for change in planned}
        known |= {each.fingerprint for each in (before.settled if before else ())}
        now = applied_after(desired, actual, self._kinds[key.kind], self._world.instance, before)
        return any(each.fingerprint not in known for each in now.settled)

    def proposed(self, key: Key, actual: Actual) -> Node:
        """Return the definition that an object is to have, made from the one that it has now."""
        desired, before = self._world.desired[key], self._world.applied.get(key)
        return proposal(desired, actual, before, self._kinds[key.kind])

    def settle(
        self, key: Key, actual: Actual | Unknown | None, withheld: Collection[Action] = ()
    ) -> tuple[Settled, ...]:
        """
        Write down that an object is as its spec says, and where libvirt keeps it otherwise.

        Args:
            actual: The object as it now is. Where it cannot be seen, what was done is done all the same, and
                of what libvirt keeps otherwise no more is known than before.
            withheld: Steps on it that are not done: that libvirt has something otherwise for them says nothing, and an
                edit that is not stored is not what was asked for.

        Returns:
            Where libvirt keeps it otherwise and did not before.
        """
        desired = self._world.desired.get(key)
        if desired is None:
            return ()
        kind, before = self._kinds[key.kind], self._world.applied.get(key)
        if not isinstance(actual, Actual):
            meant = applied_before_creation(desired, self._world.instance, kind)
            known = self._now.get(key, meant)
            tree = with_kept(meant.tree, known.tree, desired, kind.rules)
            done = replace(meant, tree=tree, uuid=known.uuid, complete=True, settled=known.settled)
            done = replace(done, runtime_id=known.runtime_id, pending=known.pending)
            self._put(_without(withheld, done, before))
            return ()
        applied = applied_after(desired, actual, kind, self._world.instance, before)
        held = {fingerprint(change) for action in withheld for change in action.changes}
        run = run_of(self._world.observed.actual(key), actual, self._started)
        running = find_settled_live(desired, actual, run, before, kind)
        answers = (s for s in (*applied.settled, *running) if s.fingerprint.removeprefix("live:") not in held)
        noted = self._now.get(key)
        told = {s.fingerprint for each in (before, noted) if each for s in each.settled}
        pending = still_pending(noted, actual, rules_for(desired, kind)) if noted else ()
        left = stays_off(desired, actual, before)
        tree = with_kept(applied.tree, noted.tree, desired, kind.rules) if noted else applied.tree
        complete = not kind.completing or actual.active or noted is None or noted.complete
        applied = replace(applied, tree=tree, complete=complete)
        applied = replace(applied, settled=tuple(answers), pending=pending, left=left)
        self._put(_without(withheld, applied, before))
        self._edits.settle(desired, actual, applied)
        return tuple(s for s in applied.settled if s.fingerprint not in told)

    def refresh(self, key: Key) -> tuple[Settled, ...]:
        """Bring up to date what is remembered of an object that nothing is done to."""
        actual = self._world.observed.actual(key)
        if key not in self._world.desired:
            self._forget(key)
            self._edits.end(key)
        elif actual:
            self._probations.end_if_over(key)
            return self.settle(key, actual)
        return ()

    def shown(self, key: Key) -> None:
        """Write down that an object does its work, with whatever its spec says."""
        self._probations.end(key)

    def tries(self, key: Key) -> bool:
        """Tell whether an object has an edit that is taken back should it fail."""
        return self._probations.tries(key)

    def failed(self, key: Key, why: str) -> None:
        """Write down that an object does not do its work with the edit that is tried: it is to be taken back."""
        self._probations.fail(key, why)

    def refused(self, key: Key, refusal: Refusal, software: str, passes_at: datetime | None) -> None:
        """Write down that libvirt refuses a part of an object's edit: it is to be put back, and held."""
        self._edits.refuse(key, refusal, software, passes_at)

    def is_put_back(self, key: Key) -> bool:
        """Tell whether the start of an object refused its edit, and what is stored now is without it."""
        return self._edits.is_put_back(key)

    def clear_refusal(self, key: Key) -> None:
        """Forget that the start of an object refused its edit."""
        self._edits.clear_refusal(key)

    def stored_parts(self, key: Key) -> tuple[tuple[str, ...], ...]:
        """Return what is stored of an object and not known to be in force, as the steps of changes."""
        edit = self._edits.get(key)
        return tuple(dict.fromkeys(c.steps for c in (*edit.changes, *edit.filled))) if edit else ()

    def is_refused(self, key: Key) -> bool:
        """Tell whether a part of an object's edit was refused."""
        edit = self._edits.get(key)
        return edit is not None and bool(edit.refused)

    def has_power(self, key: Key) -> bool:
        """Tell whether an object is of a kind that can be active or not."""
        return self._kinds[key.kind].has_power

    def _uuid(self, meant: Applied) -> str:
        actual = self._world.observed.actual(meant.key)
        return actual.uuid if actual else meant.uuid

    def _put(self, applied: Applied) -> None:
        if self._now.get(applied.key) != applied:
            self._state.put(applied)
            self._now[applied.key] = applied

    def _forget(self, key: Key) -> None:
        if key in self._now:
            self._state.forget(key)
            del self._now[key]


def _without(withheld: Collection[Action], applied: Applied, before: Applied | None) -> Applied:
    """Return what is remembered of an object, without an edit whose storing is withheld."""
    edits = [action for action in withheld if action.verb.edits and action.tree]
    if before is None or not edits:
        return applied
    return without_edit(applied, before)
