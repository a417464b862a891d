"""
Compute the next status snapshot from the previous snapshot and an event.

The functions are pure; `daemon/latest_status.py` keeps the newest snapshot.
"""

from collections.abc import Mapping
from dataclasses import replace

from kvmreconcile.events.events import (
    Connected,
    Lost,
    PassEvent,
    PassFailed,
    PassFinished,
    PassPlanned,
    ReadinessProbed,
)
from kvmreconcile.model import Key, Outcome, Result
from kvmreconcile.settings.settings import Settings
from kvmreconcile.status.condition import Condition, ObjectStatus
from kvmreconcile.status.objects import STORED, Moment, ObjectStatuses, failed_status, object_statuses
from kvmreconcile.status.status import LastPass, Link, RevisionInUse, Status

__all__ = ["Moment", "apply_event", "initial_status"]


def initial_status(settings: Settings, version: str, now: Moment) -> Status:
    """Return the status of a daemon that has just started."""
    return Status(settings.instance, settings.host, version, now.at, now.at, commands=settings.commands)


def apply_event(status: Status, event: PassEvent, now: Moment) -> Status:
    """Return the status after an event."""
    match event:
        case Connected(uri=uri, host=host):
            changed = replace(status, link=Link(uri, now.at, host=host))
        case Lost(uri=uri, why=why):
            changed = _after_connection_lost(replace(status, link=Link(uri, now.at, why)), why, now)
        case PassPlanned():
            changed = _after_planning(status, event, now)
        case PassFinished():
            changed = _after_execution(status, event, now)
        case ReadinessProbed(unready=unready):
            objects = _mark_unready(_clear_unready(status, now), unready, now)
            changed = replace(status, objects=objects, unready=unready)
        case PassFailed(why=why):
            changed = replace(status, broken=why)
        case _:
            changed = status
    return replace(changed, at=now.at, objects=_with_since(changed.objects, status.objects))


def _with_since(
    objects: Mapping[Key, ObjectStatus], before: Mapping[Key, ObjectStatus]
) -> Mapping[Key, ObjectStatus]:
    """Return the objects; an object whose condition has not changed keeps its earlier start time."""
    if objects is before:
        return objects
    return {key: _keep_since(object_status, before.get(key)) for key, object_status in objects.items()}


def _keep_since(object_status: ObjectStatus, before: ObjectStatus | None) -> ObjectStatus:
    if (
        before is None
        or before.condition is not object_status.condition
        or before.since == object_status.since
    ):
        return object_status
    return replace(object_status, since=before.since)


def _after_connection_lost(status: Status, why: str, now: Moment) -> Status:
    """
    Return the status after the connection is lost.

    All objects are unknown until a pass observes them again.
    """
    since = f"not observed since libvirt could not be reached: {why}"
    unknown = {
        key: ObjectStatus(key, Condition.UNKNOWN, now.at, since, source=s.source)
        for key, s in status.objects.items()
    }
    return replace(status, objects=unknown, unready={})


def _after_planning(status: Status, planned: PassPlanned, now: Moment) -> Status:
    known = status.revision
    is_same = known is not None and known.commit == planned.commit
    paused = planned.world.suspended.get(None)
    failures = {k: error for k, error in status.failures.items() if k in planned.waits}
    return replace(
        status,
        revision=known if is_same else RevisionInUse(planned.commit, now.at),
        last=LastPass(
            pass_id=planned.pass_id,
            at=planned.at,
            took_s=planned.took_s,
            triggered_by=planned.triggered_by,
            digest=planned.plan.digest,
            allowed=len(planned.allowed.actions),
        ),
        broken="",
        paused=paused if paused and paused.holds(planned.world.now) else None,
        problems=(*planned.specs.problems, *planned.plan.problems),
        notes=planned.plan.notes,
        unobservable=planned.world.observed.unobservable,
        lost=planned.plan.lost,
        elsewhere=planned.plan.elsewhere,
        placed_elsewhere=planned.plan.placed_elsewhere,
        objects=_mark_unready(object_statuses(planned, status.objects, failures, now), status.unready, now),
        failures=failures,
    )


def _mark_unready(objects: ObjectStatuses, unready: Mapping[Key, str], now: Moment) -> ObjectStatuses:
    """Set the condition of objects that fail their readiness checks to unready."""
    for key in unready.keys() & objects.keys():
        if objects[key].condition in (Condition.READY, Condition.PENDING):
            objects[key] = replace(objects[key], condition=Condition.UNREADY, why=unready[key], since=now.at)
    return objects


def _clear_unready(status: Status, now: Moment) -> ObjectStatuses:
    """Return the objects; unready objects have the condition they would have without the readiness check."""
    objects = dict(status.objects)
    for key, object_status in objects.items():
        if object_status.condition is Condition.UNREADY:
            condition, why = (Condition.PENDING, STORED) if object_status.pending else (Condition.READY, "")
            objects[key] = replace(object_status, condition=condition, why=why, since=now.at)
    return objects


def _after_execution(status: Status, finished: PassFinished, now: Moment) -> Status:
    """
    Return the status after an execution.

    A changed object becomes Ready only when a pass has observed it again.
    """
    ends: dict[Key, Outcome] = {}
    for outcome in finished.report.outcomes:
        worst = ends.get(outcome.action.key, outcome)
        ends[outcome.action.key] = max(worst, outcome, key=lambda o: _WORSE.index(o.result))
    failures = {k: error for k, error in status.failures.items() if k not in ends}
    failures |= {k: o.error for k, o in ends.items() if o.result is Result.FAILED}
    if not status.is_reconciling:
        return replace(status, failures=failures)
    changed = {
        k: _status_after(k, o, finished, now) for k, o in ends.items() if k in finished.waits or o.error
    }
    known = {
        k: replace(s, source=status.objects[k].source) for k, s in changed.items() if k in status.objects
    }
    return replace(status, objects={**status.objects, **known}, failures=failures)


_WORSE = (Result.DONE, Result.SKIPPED, Result.FAILED)


def _status_after(key: Key, outcome: Outcome, finished: PassFinished, now: Moment) -> ObjectStatus:
    verbs = tuple(dict.fromkeys(a.verb.name for a in finished.report.plan.actions if a.key == key))
    if key in finished.waits:
        return failed_status(key, finished.waits[key], outcome.error, now, verbs)
    condition = Condition.FAILED if outcome.result is Result.FAILED else Condition.HELD
    return ObjectStatus(key, condition, now.at, outcome.error, verbs=verbs)
