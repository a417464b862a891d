"""
Count passes, steps, errors and drift, and measure durations.

Labels have low cardinality: they contain no object names, commits or free text.
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
from kvmreconcile.reconcile.drift import find_drifted, find_healed

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Buckets in seconds, from a pass over one object to a guest that shuts down slowly."""

# The "_created" series would double the number of series, and no dashboard uses them.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library does not annotate it


@dataclass(frozen=True, slots=True)
class _MetricFactory:
    """Creates metrics with the name prefix "kvmreconcile_"."""

    registry: CollectorRegistry

    def counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"kvmreconcile_{name}", about, labels, registry=self.registry)

    def histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(
            f"kvmreconcile_{name}_seconds", about, labels, registry=self.registry, buckets=_SECONDS
        )


class PassCounters:
    """
    Subscriber that counts events.

    Attributes:
        drifting: The objects that have drifted and are not corrected yet.
        under_way: The IDs of passes whose plans are still being executed.
        succeeded: When the last pass without a failure started; None if there was no such pass.
        checked_at: When the last successful check of the repository was; None if there was no such check.
        refused: Whether the last check of the repository failed, or its newest revision was refused.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.drifting: frozenset[Key] = frozenset()
        self.under_way: frozenset[str] = frozenset()
        self.succeeded: datetime | None = None
        self.checked_at: datetime | None = None
        self.refused = False
        factory = _MetricFactory(registry)
        self._passes = factory.counter(
            "passes", "Passes, by result: planned (a plan was made) or broken (the pass was aborted).", "end"
        )
        self._pass_s = factory.histogram(
            "pass_duration", "Time from the start of a pass until its plan is made."
        )
        self._plan_s = factory.histogram(
            "execution_duration", "Time from the start to the end of the execution of a plan."
        )
        self._lag_s = factory.histogram(
            "event_lag",
            "Time from the first event or file change that triggers a pass until its plan is made.",
        )
        self._actions = factory.counter(
            "actions", "Steps, by result: done, failed or skipped.", "kind", "verb", "result"
        )
        self._action_s = factory.histogram("action_duration", "Duration of executed steps.", "kind")
        self._errors = factory.counter(
            "errors", "Errors of steps, passes and the repository, by error class.", "class"
        )
        self._seen = factory.counter(
            "drift_seen", "Objects that were found to have drifted from their specs.", "kind"
        )
        self._healed = factory.counter(
            "drift_healed", "Drifted objects that were corrected to match their specs.", "kind"
        )
        for end in ("planned", "broken"):
            self._passes.labels(end)

    def __call__(self, event: PassEvent) -> None:
        """Count an event."""
        match event:
            case RepositoryChecked():
                self._count_repository_check(event)
            case PassPlanned():
                self._count_plan(event)
            case ActionFinished():
                self._count_action(event.outcome)
            case PassFinished():
                self._count_execution(event)
            case PassFailed():
                self.under_way -= {event.pass_id}
                self._passes.labels("broken").inc()
                self._errors.labels(event.failure).inc()

    def _count_repository_check(self, checked: RepositoryChecked) -> None:
        self.refused = bool(checked.why)
        if checked.why:
            self._errors.labels("SourceError").inc()
        else:
            self.checked_at = checked.at

    def _count_plan(self, planned: PassPlanned) -> None:
        self._passes.labels("planned").inc()
        self._pass_s.observe(planned.took_s)
        if planned.lag_s is not None:
            self._lag_s.observe(planned.lag_s)
        drifting = find_drifted((*planned.plan.actions, *(held.action for held in planned.plan.held)))
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

    def _count_action(self, outcome: Outcome) -> None:
        action = outcome.action
        self._actions.labels(action.key.kind, action.verb.name, outcome.result.value).inc()
        if outcome.result is not Result.SKIPPED:
            self._action_s.labels(action.key.kind).observe(outcome.took_s)
        if outcome.failure:
            self._errors.labels(outcome.failure).inc()

    def _count_execution(self, finished: PassFinished) -> None:
        self.under_way -= {finished.pass_planned.pass_id}
        self._plan_s.observe(finished.took_s)
        if not finished.report.failed:
            self.succeeded = finished.pass_planned.at
        healed = find_healed(finished)
        for key in healed:
            self._healed.labels(key.kind).inc()
        self.drifting -= healed
