"""Execute orders such as `approve`, from any listener: check the caller's role, act, and publish an event."""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from kvmreconcile.control.callers import Caller, Role
from kvmreconcile.control.resumption import Left, describe_not_suspended, describe_resumption
from kvmreconcile.errors import Forbidden, NotKnown, NotNow, OtherHost, Problem
from kvmreconcile.events.events import OrderGiven, OrderRefused, Subscriber, publish
from kvmreconcile.model import Commands, Key, Suspension
from kvmreconcile.reconcile.approvals import Approval, Approvals
from kvmreconcile.source.suggestions import advice
from kvmreconcile.state import State
from kvmreconcile.status import Condition, Status

PATIENCE_S = 20.0
"""How long to wait for the pass that uses an approval. Two such waits are shorter than `ANSWER_S`."""


class Order(Enum):
    """A request that changes something; the values are published names."""

    APPROVE = "approve"
    SUSPEND = "suspend"
    RESUME = "resume"
    RECONCILE = "reconcile"
    ACCEPT = "accept"


_COMMANDS = {Order.SUSPEND: "suspend --all", Order.RESUME: "resume --all", Order.ACCEPT: "state accept"}
"""Commands for orders about all objects or the state, if the command differs from the order's name."""


@dataclass(frozen=True, slots=True)
class _Request:
    """
    An order with its details.

    Attributes:
        about: The digest of a plan or the key of an object; "" for all objects or the state.
        why: The reason that the user gave; "" for none.
    """

    order: Order
    about: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Orders:
    """
    Executes orders; any thread may call it.

    Attributes:
        status: Returns the newest status snapshot.
        approvals: The approvals that wait for a pass.
        enqueue: Schedules a pass over one object if called with its key, and otherwise over all objects.
        retry: Lets the next pass retry a failed object, or all failed objects if called with None.
        check_specs: Checks for new specs immediately.
    """

    status: Callable[[], Status]
    state: State
    approvals: Approvals
    enqueue: Callable[[str], None]
    retry: Callable[[Key | None], None]
    check_specs: Callable[[], None]
    subscribers: tuple[Subscriber, ...] = ()

    def approve(self, caller: Caller, digest: str, why: str = "") -> str:
        """
        Let a pass execute exactly the plan with the given digest, including its held steps.

        Returns:
            A description of the result.

        Raises:
            NotNow: The current plan has another digest, no plan can be made, or no pass answered in time.
            Forbidden: The caller's role does not permit this order.
        """
        self._check(caller, Role.OPERATOR, _Request(Order.APPROVE, digest, why))
        if not self.status().is_reconciling:
            raise NotNow(
                Problem(digest, "nothing was done: there is no connection to libvirt", self._hint("status"))
            )
        approval = Approval(digest, caller.name, why)
        self.approvals.submit(approval)
        self.enqueue(Order.APPROVE.value)
        made = self._answer(approval)
        if made != digest:
            raise self._plan_changed(digest, made)
        return self._with_state_warning(f"plan {digest} is approved; {self._hint('history')}")

    def _answer(self, approval: Approval) -> str:
        """
        Return the digest of the plan that a pass made for an approval.

        If no pass takes the approval in time, the approval is withdrawn.

        Raises:
            NotNow: No pass took the approval, or the pass that took it failed or is still planning.
        """
        with suppress(TimeoutError):
            return approval.answer.result(PATIENCE_S)
        self.approvals.withdraw(approval)
        with suppress(TimeoutError):
            return approval.answer.result(PATIENCE_S)
        what = "a pass is still planning with this approval, so the plan may still be executed"
        raise NotNow(Problem(approval.digest, what, self._hint("history")))

    def suspend(self, caller: Caller, key: Key | None, suspension: Suspension) -> str:
        """
        Suspend an object, or all objects if `key` is None; running steps still complete.

        Raises:
            NotKnown: The daemon does not know this object.
            Forbidden: The caller's role does not permit this order.
        """
        self._check(caller, _role(key), _Request(Order.SUSPEND, _about(key), suspension.why))
        self._check_known(key, self.status().objects)
        self.state.suspend(key, suspension)
        self._complete(caller, Order.SUSPEND, key, suspension.why)
        object_status = self.status().objects.get(key) if key else None
        is_busy = object_status is not None and object_status.condition is Condition.CHANGING
        until = f" until {suspension.until:%Y-%m-%d %H:%M %Z}" if suspension.until else ""
        words = f"{key} is suspended{until}" if key else f"all objects are suspended{until}"
        return self._with_state_warning(
            f"{words}; running steps still complete" if is_busy or key is None else words
        )

    def resume(self, caller: Caller, key: Key | None) -> str:
        """
        Lift the suspension of an object, or the suspension of all objects if `key` is None.

        Raises:
            Forbidden: The caller's role does not permit this order.
        """
        self._check(caller, _role(key), _Request(Order.RESUME, _about(key), ""))
        if not self.state.resume(key):
            return describe_not_suspended(*self._remaining_suspensions(key))
        self._complete(caller, Order.RESUME, key)
        return self._with_state_warning(describe_resumption(*self._remaining_suspensions(key)))

    def _remaining_suspensions(self, key: Key | None) -> tuple[Key | None, Left, datetime, Commands]:
        """Return the arguments of `describe_resumption`."""
        return key, self.state.suspended(), datetime.now(UTC), self.status().commands

    def reconcile(self, caller: Caller, key: Key | None) -> str:
        """
        Reconcile an object, or all objects if `key` is None, at once.

        Failed objects are retried without waiting for the time of their next retry.

        Raises:
            NotKnown: The daemon does not know this object.
            Forbidden: The caller's role does not permit this order.
        """
        self._check(caller, Role.OPERATOR, _Request(Order.RECONCILE, _about(key), ""))
        self._check_known(key, self.status().objects)
        self.retry(key)
        if key is None:
            self.check_specs()
        self._complete(caller, Order.RECONCILE, key)
        link = self.status().link
        waits = f"; the pass runs once libvirt can be reached ({link.why})" if link and link.why else ""
        return self._with_state_warning(f"a pass over {key or 'all objects'} is scheduled{waits}")

    def accept(self, caller: Caller, why: str = "") -> str:
        """
        Bind the state database to the connected host.

        Raises:
            NotNow: libvirt cannot be reached, or does not report the UUID of its host.
            Forbidden: The caller's role does not permit this order.
        """
        self._check(caller, Role.ADMIN, _Request(Order.ACCEPT, "", why))
        link = self.status().link
        if link is None or link.host is None:
            what = "there is no connection to libvirt, so the host cannot be identified; nothing was accepted"
            if link and not link.why:
                what = f"libvirt at {link.uri} did not report the UUID of its host; nothing was accepted"
            raise NotNow(Problem("state accept", what, self._hint("status")))
        words = self.state.binding.accept(link.host)
        self._complete(caller, Order.ACCEPT, None, why)
        return words

    def _check(self, caller: Caller, role: Role, request: _Request) -> None:
        if caller.role >= role:
            self._check_host(request.order)
            return
        now = datetime.now(UTC)
        publish(
            self.subscribers, OrderRefused(now, request.order.value, request.about, caller.name, request.why)
        )
        what = f"{caller.name} has the role {caller.role.name.lower()}; this order needs {role.name.lower()}"
        members = f"control.{role.name.lower()}s; for TCP, the token file"
        todo = f"ask an administrator to give this order, or to give you the role ({members})"
        order, about = request.order, request.about
        where = f"{order.value} {about}" if about else _COMMANDS.get(order, order.value)
        raise Forbidden(Problem(where, what, todo))

    def _check_host(self, order: Order) -> None:
        """Refuse every order except `accept` while the state database belongs to another host."""
        link = self.status().link
        if order is Order.ACCEPT or link is None or link.host is None:
            return
        try:
            self.state.binding.check(link.host, link.uri, self.status().commands)
        except OtherHost as error:
            raise NotNow(Problem(order.value, str(error))) from None

    def _hint(self, word: str) -> str:
        return f"see: {self.status().commands.kvmreconcile(word)}"

    def _plan_changed(self, approved: str, now: str) -> NotNow:
        if not now:
            what = "nothing was approved: the current plan has nothing to do or approve"
            return NotNow(Problem(approved, what, self._hint("status")))
        what = f"nothing was approved: the current plan is {now}"
        again = self.status().commands.kvmreconcile("approve", now)
        return NotNow(Problem(approved, what, f"review that plan; to approve it: {again}"))

    def _with_state_warning(self, words: str) -> str:
        """Return a message, followed by a warning if the state database appears to be lost."""
        lost = self.status().lost
        return f"{words}; warning: {lost}" if lost else words

    def _check_known(self, key: Key | None, known: Collection[Key]) -> None:
        if key is not None and known and key not in known:
            words = [str(k) for k in known]
            raise NotKnown(Problem(str(key), "the daemon knows no such object", advice(str(key), words)))

    def _complete(self, caller: Caller, order: Order, key: Key | None, why: str = "") -> None:
        publish(self.subscribers, OrderGiven(datetime.now(UTC), order.value, _about(key), caller.name, why))
        self.enqueue(str(key or order.value))


def _about(key: Key | None) -> str:
    return str(key) if key else ""


def _role(key: Key | None) -> Role:
    return Role.OPERATOR if key else Role.ADMIN
