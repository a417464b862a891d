"""
The daemon's passes: the same as those of `apply`, with nobody there to ask.

Separate from what makes them happen, so that a pass is one call that always returns.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import structlog

from kvmreconcile.daemon.backoff import Backoff, Fate
from kvmreconcile.daemon.matters import ENDS, Told, matters
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
    """

    origin: Callable[[], Origin]
    again: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    _backoff: Backoff = field(default_factory=Backoff)
    _told: Told = field(default_factory=Told)
    _failures: int = 0
    _again_s: float | None = None
    _opens_s: float | None = None

    def due_s(self) -> float | None:
        """Return when something is to be tried again or a window opens, None if neither is to come."""
        times = [t for t in (self._backoff.due_s(), self._again_s, self._opens_s) if t is not None]
        return min(times, default=None)

    def run(self, site: Site, rung_by: Sequence[str]) -> None:
        """Make one pass; whatever goes wrong in it is logged, and tried again later."""
        with structlog.contextvars.bound_contextvars(pass_id=uuid4().hex[:8]):
            began_s = self.clock()
            self._opens_s = None
            log.info("pass.started", rung_by=list(rung_by[:_SHOWN]) or ["retry"], rings=len(rung_by))
            if SPECS in rung_by:
                self._backoff.release()
            counts = self._guarded(site)
            log.info("pass.ended", took_s=round(self.clock() - began_s, 3), **counts)

    def _guarded(self, site: Site) -> dict[str, int]:
        try:
            counts = self._converge(site)
        except KvmReconcileError as error:
            log.warning("pass.broken_off", why=str(error))
        except Exception:
            # A mistake of ours must not keep everything else from being looked after.
            log.exception("pass.crashed")
        else:
            self._failures, self._again_s = 0, None
            return counts
        self._failures += 1
        self._again_s = self.clock() + Fate.PASSING.wait_s(self._failures)
        return {}

    def _converge(self, site: Site) -> dict[str, int]:
        origin = self.origin()
        with structlog.contextvars.bound_contextvars(**({"commit": origin.commit} if origin.commit else {})):
            return self._converge_on(origin.paths, site)

    def _converge_on(self, paths: Sequence[Path], site: Site) -> dict[str, int]:
        specs = load(paths, site.kinds, site.settings.instance)
        world = site.look(specs, datetime.now(UTC))
        if not site.connection.is_alive():
            return {}  # What was seen is at best half of it.
        plan = site.plan(world, Overrides())
        if plan.look_again:
            self._opens_s = self.clock() + (plan.look_again - world.now).total_seconds()
        for matter in self._told.news(matters(specs, world, plan)):
            tell = log.warning if matter.event in ENDS else log.info
            tell(matter.event, **dict(matter.fields), plan=plan.digest)
        allowed = self._backoff.sift(plan, self.clock())
        counts = {"in_sync": len(plan.in_sync), "held": len(plan.held)}
        if not allowed.actions and not allowed.records:
            return {**counts, "waiting": len(plan.actions)}
        report = site.execute(allowed, world, find(REPORTERS, site.settings.reporter)())
        return {**counts, "waiting": len(plan.actions) - len(allowed.actions), **self._learn(report)}

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
