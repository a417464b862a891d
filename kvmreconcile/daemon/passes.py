"""
The daemon's passes: the same as those of `apply`, with nobody there to ask.

Separate from what makes them happen, so that a pass is one call that always returns.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from kvmreconcile.daemon.backoff import Backoff, Fate
from kvmreconcile.daemon.news import Acted, Broken, Follower, Looked, tell
from kvmreconcile.errors import KvmReconcileError
from kvmreconcile.execute.plugins import REPORTERS, find
from kvmreconcile.model import Report, Result
from kvmreconcile.origin import Origin
from kvmreconcile.plan import Overrides
from kvmreconcile.reconcile import Site
from kvmreconcile.source.load import load

SPECS = "specs"
"""The ring that says that spec files may have changed."""
_SHOWN = 8
"""How many reasons for a pass are logged."""

log = structlog.get_logger()


@dataclass(slots=True)
class Passes:
    """
    Passes over one host, one at a time, and what they remember of one another.

    Attributes:
        origin: Asked in each pass where specs are.
        again: Called after a pass that changed something: what it made possible is found by another.
        followers: Told what passes see and do.
    """

    origin: Callable[[], Origin]
    again: Callable[[], None]
    followers: tuple[Follower, ...] = ()
    clock: Callable[[], float] = time.monotonic
    _backoff: Backoff = field(default_factory=Backoff)
    _failures: int = 0
    _again_s: float | None = None
    _opens_s: float | None = None

    def due_s(self) -> float | None:
        """Return when something is to be tried again or a window opens, None if neither is to come."""
        times = [t for t in (self._backoff.due_s(), self._again_s, self._opens_s) if t is not None]
        return min(times, default=None)

    def run(self, site: Site, rung_by: Sequence[str]) -> None:
        """Make one pass; whatever goes wrong in it is logged, and tried again later."""
        turn = _Turn(uuid4().hex[:8], datetime.now(UTC), self.clock())
        with structlog.contextvars.bound_contextvars(pass_id=turn.pass_id):
            self._opens_s = None
            log.info("pass.started", rung_by=list(rung_by[:_SHOWN]) or ["retry"], rings=len(rung_by))
            if SPECS in rung_by:
                self._backoff.release()
            counts = self._guarded(site, rung_by, turn)
            log.info("pass.ended", took_s=round(self.clock() - turn.began_s, 3), **counts)

    def _guarded(self, site: Site, rung_by: Sequence[str], turn: "_Turn") -> dict[str, int]:
        try:
            counts = self._converge(site, rung_by, turn)
        except KvmReconcileError as error:
            why = str(error)
            log.warning("pass.broken_off", why=why)
        except Exception as error:
            # A mistake of ours must not keep everything else from being looked after.
            why = f"a mistake in kvmreconcile: {error!r}"
            log.exception("pass.crashed")
        else:
            self._failures, self._again_s = 0, None
            return counts
        self._failures += 1
        self._again_s = self.clock() + Fate.PASSING.wait_s(self._failures)
        tell(self.followers, Broken(turn.at, turn.pass_id, why))
        return {}

    def _converge(self, site: Site, rung_by: Sequence[str], turn: "_Turn") -> dict[str, int]:
        origin = self.origin()
        with structlog.contextvars.bound_contextvars(**({"commit": origin.commit} if origin.commit else {})):
            looked = self._look(origin, site, rung_by, turn)
            return self._act(looked, site) if looked else {}

    def _look(self, origin: Origin, site: Site, rung_by: Sequence[str], turn: "_Turn") -> Looked | None:
        """Return what is to be done, None if the connection was lost: what was seen is at best half of it."""
        specs = load(origin.paths, site.kinds, site.settings.instance)
        world = site.look(specs, turn.at)
        if not site.connection.is_alive():
            return None
        plan = site.plan(world, Overrides())
        if plan.look_again:
            self._opens_s = self.clock() + (plan.look_again - world.now).total_seconds()
        allowed = self._backoff.sift(plan, self.clock())
        looked = Looked(
            at=turn.at,
            pass_id=turn.pass_id,
            rung_by=tuple(rung_by),
            commit=origin.commit,
            specs=specs,
            world=world,
            plan=plan,
            allowed=allowed,
            waits=self._backoff.waits(),
            took_s=self.clock() - turn.began_s,
        )
        tell(self.followers, looked)
        return looked

    def _act(self, looked: Looked, site: Site) -> dict[str, int]:
        plan, allowed = looked.plan, looked.allowed
        counts = {"in_sync": len(plan.in_sync), "held": len(plan.held)}
        if not allowed.actions and not allowed.records:
            return {**counts, "waiting": len(plan.actions)}
        began_s = self.clock()
        report = site.execute(allowed, looked.world, find(REPORTERS, site.settings.reporter)())
        did = self._learn(report)
        tell(self.followers, Acted(looked, report, self._backoff.waits(), self.clock() - began_s))
        return {**counts, "waiting": len(plan.actions) - len(allowed.actions), **did}

    def _learn(self, report: Report) -> dict[str, int]:
        for key, wait in self._backoff.learn(report, self.clock()).items():
            wait_s = round(wait.due_s - self.clock(), 1)
            log.warning(
                "object.postponed", key=str(key), wait_s=wait_s, tries=wait.tries, was=wait.fate.name.lower()
            )
        counts = {r.value: sum(o.result is r for o in report.outcomes) for r in Result}
        if counts[Result.DONE.value]:
            self.again()
        return counts


@dataclass(frozen=True, slots=True)
class _Turn:
    """One pass: what it is called, and when it began."""

    pass_id: str
    at: datetime
    began_s: float
