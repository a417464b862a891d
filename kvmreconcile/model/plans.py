"""Define plans: actions, and held actions with their reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from kvmreconcile.errors import Problem, Rejected
from kvmreconcile.model.content import Content
from kvmreconcile.model.objects import Desired, Key
from kvmreconcile.model.policy import Policy
from kvmreconcile.model.verbs import RESTART, Verb
from kvmreconcile.tree import Change, Effect, Node


class Reason(Enum):
    """Why an action is planned; it informs users and affects no decision."""

    NEW = "it does not exist on the host"
    EDIT = "the spec changed"
    DRIFT = "the host changed"
    ADOPT = "the object is adopted"
    GONE = "no spec that was read defines it"
    MOVED = "its spec is for another host"
    UNFINISHED = "an earlier run did not finish creating it"
    ROLLBACK = "an edit is rolled back"


@dataclass(frozen=True, slots=True)
class Action:
    """
    One step on one object.

    Attributes:
        verb: What the action does to the object.
        changes: The changes that the action makes, for users.
        needs: Objects whose actions must succeed before the first action on this object.
        after: Objects whose actions must succeed before this action and before later actions on this
            object.
        tree: The whole proposed definition, or the device that the verb acts on.
        steps: The place of the part that the verb acts on; empty for the whole object.
        content: The file with the initial content of a new volume.
        notes: Notes for users who approve the action, such as what it removes.
        policy: The policy of the object, which some verbs need (for example the shutdown timeout).
        former: The key of the object before a rename to `key`; None for any other verb.
        takes: Whether the action removes a part from an object that runs or should run.
    """

    key: Key
    verb: Verb
    effect: Effect
    reason: Reason
    changes: tuple[Change, ...] = ()
    needs: tuple[Key, ...] = ()
    tree: Node | None = None
    steps: tuple[str, ...] = ()
    content: Content | None = None
    notes: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    after: tuple[Key, ...] = ()
    former: Key | None = None

    @property
    def names(self) -> tuple[Key, ...]:
        """The key of the object, and its key before a rename."""
        return (self.key, self.former) if self.former else (self.key,)

    takes: bool = False

    @property
    def definition(self) -> Node:
        """The tree, for verbs that need one. Raises Rejected if the action has no tree."""
        if self.tree is None:
            raise Rejected(f"{self.key}: {self.verb} was planned without a definition")
        return self.tree

    @property
    def whole(self) -> Node | None:
        """The whole definition that the action stores; None if it stores none or acts on a part."""
        return None if self.steps else self.tree


class Hold(Enum):
    """Why an action is held."""

    EFFECT = "its effect needs approval"
    WINDOW = "waits for a maintenance window"
    GROUP = "waits for other members of its group"
    ORDER = "waits for an object that must start first"
    ROLLOUT = "an edit of another member of its group was rolled back"
    TAKEN_BACK = "the edit was rolled back"
    REFUSED = "libvirt refused the change"
    CONFLICT = "an object with this name already exists"
    UNKNOWN = "it, or an object that it needs, cannot be observed"
    BUSY = "a job is running on it"
    PRUNE = "removal needs approval"
    PROTECTED = "it is protected, in use, or needed by a protected object"
    BRAKE = "too many objects in one pass"
    GATE = "a gate of an installed package holds it until it is approved"
    CLOSED = "a gate of an installed package holds it"
    OBSERVE = 'the spec sets "apply: observe"'
    SUSPENDED = "it is suspended"
    BROKEN = "a dependency is missing or cannot be used"
    STRAYED = "the disk's current source differs from the spec"
    CONTENT = "its content cannot be used"
    UNSUPPORTED = "this libvirt does not support it"
    HOST = "the host does not meet a requirement"
    INVALID = "the definition is not valid"
    AMBIGUOUS = "elements of a list cannot be matched to the spec"
    FAULT = "the guest is stopped by a fault"
    LEFT = 'its spec sets "onGuestStop: leave"'
    SETTLE = "the specs are not known to have been unchanged for long enough"
    UNREAD = "the file of the last spec was not read"
    INCOMPLETE = "specs or state are incomplete"
    RENAME = "the object may exist under another name"
    CLAIM = "another object uses a resource that it needs"
    LEFTOVERS = "its last spec does not allow the removal of its data"
    SUCCESSOR = "the object that replaces it does not exist yet"
    LOST_STATE = "the state may be lost, so it is unknown what was suspended"
    MISSING = "data is missing"
    MOVED = "its spec was placed on another host"
    LEFT_BEHIND = "its volumes would be left behind"
    CRASHED = "an internal error occurred"


@dataclass(frozen=True, slots=True)
class Held:
    """
    A held action.

    Attributes:
        hold: Why the action is held.
        detail: Details of the reason, for users; "" if there are none.
        release: What releases the action, for users; "" if this is unknown.
        until: When the action is released without user action; None if it never is.
    """

    action: Action
    hold: Hold
    detail: str = ""
    release: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class HoldReason:
    """Why actions on an object are held; the attributes are those of `Held`."""

    hold: Hold
    detail: str = ""
    release: str = ""
    until: datetime | None = None

    def on(self, action: Action) -> Held:
        """Return an action as held for this reason."""
        return Held(action, self.hold, self.detail, self.release, self.until)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The actions to execute, in an order that respects every dependency.

    Attributes:
        held: Actions that are not allowed now.
        pending: Changes that are stored and wait for the object's next start, by object.
        in_sync: Objects that need no action.
        records: Objects for which only the state record is outdated. The record is updated; the host is
            not changed.
        problems: Problems in specs. The objects of these specs are not in the plan.
        notes: Warnings about specs; they do not block the plan.
        instead: Desired objects that are used instead of the specs, because an edit was rolled back.
        digest: Identifies exactly these actions and held actions; an approval specifies this digest.
        lost: Why the state may be lost, and advice; "" if it is not.
        unchecked: New and changed definitions that libvirt's driver did not validate, and why.
        elsewhere: Objects without a spec that are not removed because their source was not read, by the
            name of the source.
        crashes: Exceptions raised while objects were compared, by object; these are bugs.
        owners: The documents that generate the objects of actions and held actions, by object.
        placed_elsewhere: Number of objects with a spec for other hosts.
    """

    actions: tuple[Action, ...] = ()
    held: tuple[Held, ...] = ()
    pending: Mapping[Key, tuple[Change, ...]] = field(default_factory=dict)
    in_sync: tuple[Key, ...] = ()
    records: tuple[Key, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    instead: Mapping[Key, Desired] = field(default_factory=dict)
    digest: str = ""
    lost: str = ""
    unchecked: tuple[tuple[Key, str], ...] = ()
    elsewhere: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    crashes: Mapping[Key, Exception] = field(default_factory=dict, compare=False)
    owners: Mapping[Key, Key] = field(default_factory=dict)
    placed_elsewhere: int = 0

    @property
    def is_empty(self) -> bool:
        """Return whether there are neither actions nor held actions."""
        return not self.actions and not self.held

    @property
    def names(self) -> frozenset[Key]:
        """The keys of the objects of all actions, before and after renames."""
        return frozenset(name for action in self.actions for name in action.names)

    @property
    def all_names(self) -> frozenset[Key]:
        """The keys of the objects of all actions and held actions."""
        return self.names | {held.action.key for held in self.held}

    def held_actions(self, key: Key) -> tuple[Action, ...]:
        """Return the held actions on an object."""
        return tuple(held.action for held in self.held if held.action.key == key)

    def deferred_changes(self, key: Key) -> tuple[Change, ...]:
        """Return the changes to an object that take effect only at its next start."""
        restart = next((a for a in self.actions if a.key == key and a.verb == RESTART), None)
        return restart.changes if restart else self.pending.get(key, ())

    @property
    def rollback_part(self) -> "Plan":
        """The part of the plan for rollbacks, which need no approval: they were approved with the edit."""
        keys = {action.key for action in self.actions if action.reason is Reason.ROLLBACK}
        return replace(self, actions=tuple(a for a in self.actions if a.key in keys), records=())

    @property
    def is_settling(self) -> bool:
        """Return whether an action is held until the specs have been unchanged for long enough."""
        return any(held.hold is Hold.SETTLE for held in self.held)

    @property
    def is_waiting_for_host(self) -> bool:
        """Return whether an action is held until the host meets a requirement."""
        return any(held.hold is Hold.HOST for held in self.held)

    @property
    def next_release(self) -> datetime | None:
        """When the first held action is released without user action; None if none is."""
        return min((h.until for h in self.held if h.until), default=None)
