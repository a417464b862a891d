"""
Orders to the daemon (approve, suspend, resume, reconcile): each is checked, carried out, and told to followers.

Separate from how orders arrive, so that they mean the same at every door.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from kvmreconcile.control.callers import Caller, Role
from kvmreconcile.control.resumption import Left, not_suspended, resumed
from kvmreconcile.errors import Forbidden, NotKnown, NotNow, OtherHost, Problem
from kvmreconcile.events.events import OrderGiven, OrderRefused, Subscriber, publish
from kvmreconcile.model import Commands, Key, Suspension
from kvmreconcile.reconcile.approvals import Approval, Approvals
from kvmreconcile.source.suggestions import advice
from kvmreconcile.state import State
from kvmreconcile.status import Condition, Status

PATIENCE_S = 20.0
"""How long to wait for the pass that an approval is for, at most twice: a request is cut off after `ANSWER_S`."""


class Order(Enum):
    """What can be ordered."""

    APPROVE = "approve"
    SUSPEND = "suspend"
    RESUME = "resume"
    RECONCILE = "reconcile"
    ACCEPT = "accept"


_OF_ALL = {Order.SUSPEND: "suspend --all", Order.RESUME: "resume --all", Order.ACCEPT: "state accept"}
"""How an order is written on the command line that is about no single object, where its value does not say it."""


@dataclass(frozen=True, slots=True)
class Orders:
    """
    Takes orders, in any thread.

    Attributes:
        status: Returns the newest snapshot.
        ring: Asks for a pass: over one object if given its key, else over everything.
        retry: Has an object tried again that has just failed; None means all of them.
        look: Looks for new specs at once.
    """

    status: Callable[[], Status]
    state: State
    approvals: Approvals
    ring: Callable[[str], None]
    retry: Callable[[Key | None], None]
    look: Callable[[], None]
    subscribers: tuple[Subscriber, ...] = ()

    def approve(self, caller: Caller, digest: str, why: str = "") -> str:
        """
        Have exactly the plan of a digest done, with what is held in it.

        Returns:
            What came of it, in words.

        Raises:
            NotNow: The plan is another now, or none can be made; nothing is done.
            Forbidden: The caller may not.
        """
        self._check(caller, Role.OPERATOR, (Order.APPROVE, digest, why))
        if not self.status().is_connected:
            raise NotNow(
                Problem(digest, "nothing was done: there is no connection to libvirt", self._see("status"))
            )
        approval = Approval(digest, caller.name, why)
        self.approvals.give(approval)
        self.ring(Order.APPROVE.value)
        made = self._answer(approval)
        if made != digest:
            raise self._other(digest, made)
        return self._noted(f"plan {digest} is approved; {self._see('history')}")

    def _answer(self, approval: Approval) -> str:
        """Return the digest of the plan that a pass made of an approval; one that no pass takes is taken back."""
        with suppress(TimeoutError):
            return approval.answer.result(PATIENCE_S)
        self.approvals.withdraw(approval)
        with suppress(TimeoutError):
            return approval.answer.result(PATIENCE_S)
        what = "a pass is still planning with this approval, which may yet be carried out"
        raise NotNow(Problem(approval.digest, what, self._see("history")))

    def suspend(self, caller: Caller, key: Key | None, suspension: Suspension) -> str:
        """
        Leave an object alone, or everything, from the next step on.

        Raises:
            NotKnown: There is no such object.
            Forbidden: The caller may not.
        """
        self._check(caller, _role(key), (Order.SUSPEND, _about(key), suspension.why))
        self._check_known(key, self.status().objects)
        self.state.suspend(key, suspension)
        self._done(caller, Order.SUSPEND, key, suspension.why)
        standing = self.status().objects.get(key) if key else None
        is_busy = standing is not None and standing.condition is Condition.CHANGING
        until = f" until {suspension.until:%Y-%m-%d %H:%M %Z}" if suspension.until else ""
        words = f"{key} is suspended{until}" if key else f"all objects are suspended{until}"
        return self._noted(f"{words}; steps under way still complete" if is_busy or key is None else words)

    def resume(self, caller: Caller, key: Key | None) -> str:
        """
        Take a suspension back.

        Raises:
            Forbidden: The caller may not.
        """
        self._check(caller, _role(key), (Order.RESUME, _about(key), ""))
        if not self.state.resume(key):
            return not_suspended(*self._left(key))
        self._done(caller, Order.RESUME, key)
        return self._noted(resumed(*self._left(key)))

    def _left(self, key: Key | None) -> tuple[Key | None, Left, datetime, Commands]:
        """Return what an answer about a resumption is made of."""
        return key, self.state.suspended(), datetime.now(UTC), self.status().commands

    def reconcile(self, caller: Caller, key: Key | None) -> str:
        """
        Look at an object again, or at everything, and try at once what has just failed.

        Raises:
            NotKnown: There is no such object.
            Forbidden: The caller may not.
        """
        self._check(caller, Role.OPERATOR, (Order.RECONCILE, _about(key), ""))
        self._check_known(key, self.status().objects)
        self.retry(key)
        if key is None:
            self.look()
        self._done(caller, Order.RECONCILE, key)
        link = self.status().link
        waits = f"; it runs once libvirt can be reached ({link.why})" if link and link.why else ""
        return self._noted(f"a pass over {key or 'all objects'} is scheduled{waits}")

    def accept(self, caller: Caller, why: str = "") -> str:
        """
        Have the state belong to the host that is connected to, from now on.

        Raises:
            NotNow: libvirt cannot be reached.
            Forbidden: The caller may not.
        """
        self._check(caller, Role.ADMIN, (Order.ACCEPT, "", why))
        link = self.status().link
        if link is None or link.host is None:
            what = "there is no connection to libvirt, so the host cannot be identified; nothing was accepted"
            if link and not link.why:
                what = f"libvirt at {link.uri} did not report the UUID of its host; nothing was accepted"
            raise NotNow(Problem("state accept", what, self._see("status")))
        words = self.state.binding.accept(link.host)
        self._done(caller, Order.ACCEPT, None, why)
        return words

    def wake(self) -> None:
        """Look for new specs: somebody says that there are some, and it costs little to see."""
        self.look()

    def _check(self, caller: Caller, role: Role, said: tuple[Order, str, str]) -> None:
        order, about, why = said
        if caller.role >= role:
            self._check_host(order)
            return
        now = datetime.now(UTC)
        publish(self.subscribers, OrderRefused(now, order.value, about, caller.name, why))
        what = f"{caller.name} has the role {caller.role.name.lower()}; this needs {role.name.lower()}"
        members = f"control.{role.name.lower()}s; for TCP, the token file"
        todo = f"ask an administrator to do it, or to give you the role ({members})"
        where = f"{order.value} {about}" if about else _OF_ALL.get(order, order.value)
        raise Forbidden(Problem(where, what, todo))

    def _check_host(self, order: Order) -> None:
        """Refuse every order but the one that helps while the state belongs to another host."""
        link = self.status().link
        if order is Order.ACCEPT or link is None or link.host is None:
            return
        try:
            self.state.binding.check(link.host, link.uri, self.status().commands)
        except OtherHost as error:
            raise NotNow(Problem(order.value, str(error))) from None

    def _see(self, word: str) -> str:
        return f"see: {self.status().commands.kvmreconcile(word)}"

    def _other(self, approved: str, now: str) -> NotNow:
        if not now:
            return NotNow(
                Problem(approved, "nothing was approved: the current plan has nothing to do or approve")
            )
        what = f"nothing was approved: the current plan is {now}"
        again = self.status().commands.kvmreconcile("approve", now)
        return NotNow(Problem(approved, what, f"review that plan; to approve it: {again}"))

    def _noted(self, words: str) -> str:
        """Return an answer, with what its reader must know of the state."""
        lost = self.status().lost
        return f"{words}; warning: {lost}" if lost else words

    def _check_known(self, key: Key | None, known: Collection[Key]) -> None:
        if key is not None and known and key not in known:
            words = [str(k) for k in known]
            raise NotKnown(Problem(str(key), "the daemon knows no such object", advice(str(key), words)))

    def _done(self, caller: Caller, order: Order, key: Key | None, why: str = "") -> None:
        publish(self.subscribers, OrderGiven(datetime.now(UTC), order.value, _about(key), caller.name, why))
        self.ring(str(key or order.value))


def _about(key: Key | None) -> str:
    return str(key) if key else ""


def _role(key: Key | None) -> Role:
    return Role.OPERATOR if key else Role.ADMIN
