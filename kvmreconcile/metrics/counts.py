"""
What adds up: passes, steps, errors, drift, and how long it all took.

Separate from what is so at one moment, which is read from the snapshot. Labels are words of which there are few:
never a name, a commit or a text.
"""

from dataclasses import dataclass
from datetime import datetime

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram

from kvmreconcile.events.events import (
    ActionFinished,
    PassEvent,
    PassFailed,
    PassFinished,
    PassPlanned,
    RepositoryChecked,
)
from kvmreconcile.model import Key, Outcome, Result
from kvmreconcile.reconcile.drift import drifted, healed_by

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""From a pass over one object to a guest that shuts down slowly."""

# When each series began is a series of its own, which doubles them and which nobody reads.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # it says nothing of types


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes what counts and measures, each with its own name before it."""

    registry: CollectorRegistry

    def counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"kvmreconcile_{name}", about, labels, registry=self.registry)

    def histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(
            f"kvmreconcile_{name}_seconds", about, labels, registry=self.registry, buckets=_SECONDS
        )


class Counts:
    """
    Follows the passes and counts.

    Attributes:
        drifting: Objects that are known to have drifted and are not yet as they should be.
        under_way: Passes whose plans are still being carried out.
        succeeded: When a pass last came to its end without a failure, None before the first.
        answered: When the repository last answered, and with a revision that may be used; None before it did.
        refused: Whether its last answer was another, or none.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.drifting: frozenset[Key] = frozenset()
        self.under_way: frozenset[str] = frozenset()
        self.succeeded: datetime | None = None
        self.answered: datetime | None = None
        self.refused = False
        make = _Maker(registry)
        self._passes = make.counter(
            "passes", "Passes that made a plan (planned) and passes that were aborted (broken).", "end"
        )
        self._pass_s = make.histogram(
            "pass_duration", "Time from the start of a pass until its plan is made."
        )
        self._plan_s = make.histogram(
            "execution_duration", "Time from the start to the end of the execution of a plan."
        )
        self._lag_s = make.histogram(
            "event_lag",
            "Time from the first event or file change that triggers a pass until its plan is made.",
        )
        self._actions = make.counter(
            "actions", "Steps, by result: done, failed or skipped.", "kind", "verb", "result"
        )
        self._action_s = make.histogram(
            "action_duration", "Duration of the steps that were executed.", "kind"
        )
        self._errors = make.counter(
            "errors", "Errors of steps, of passes and of the repository, by their class.", "class"
        )
        self._seen = make.counter("drift_seen", "Objects found to have drifted from their specs.", "kind")
        self._healed = make.counter("drift_healed", "Objects brought back to what their specs say.", "kind")
        for end in ("planned", "broken"):
            self._passes.labels(end)

    def __call__(self, news: PassEvent) -> None:
        """Count a piece of news."""
        match news:
            case RepositoryChecked():
                self._count_answer(news)
            case PassPlanned():
                self._count_look(news)
            case ActionFinished():
                self._count_step(news.outcome)
            case PassFinished():
                self._count_end(news)
            case PassFailed():
                self.under_way -= {news.pass_id}
                self._passes.labels("broken").inc()
                self._errors.labels(news.failure).inc()

    def _count_answer(self, asked: RepositoryChecked) -> None:
        self.refused = bool(asked.why)
        if asked.why:
            self._errors.labels("SourceError").inc()
        else:
            self.answered = asked.at

    def _count_look(self, planned: PassPlanned) -> None:
        self._passes.labels("planned").inc()
        self._pass_s.observe(planned.took_s)
        if planned.lag_s is not None:
            self._lag_s.observe(planned.lag_s)
        drifting = drifted((*planned.plan.actions, *(held.action for held in planned.plan.held)))
        for kind in {key.kind for key in planned.world.desired}:
            self._seen.labels(kind)
            self._healed.labels(kind)
        for key in drifting - self.drifting:
            self._seen.labels(key.kind).inc()
        self.drifting = drifting
        if planned.allowed.actions or planned.allowed.records:
            self.under_way |= {planned.pass_id}
        else:
            self.succeeded = planned.at

    def _count_step(self, outcome: Outcome) -> None:
        action = outcome.action
        self._actions.labels(action.key.kind, action.verb.name, outcome.result.value).inc()
        if outcome.result is not Result.SKIPPED:
            self._action_s.labels(action.key.kind).observe(outcome.took_s)
        if outcome.failure:
            self._errors.labels(outcome.failure).inc()

    def _count_end(self, acted: PassFinished) -> None:
        self.under_way -= {acted.planned.pass_id}
        self._plan_s.observe(acted.took_s)
        if not acted.report.failed:
            self.succeeded = acted.planned.at
        healed = healed_by(acted)
        for key in healed:
            self._healed.labels(key.kind).inc()
        self.drifting -= healed
