"""
Work out the next status snapshot from the last one and a piece of news.

Separate from keeping the newest (`daemon/newest.py`): this is pure, values in and values out.
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
from kvmreconcile.status.objects import STORED, Moment, Standings, failed, object_statuses
from kvmreconcile.status.status import LastPass, Link, Revision, Status

__all__ = ["Moment", "after", "begin"]


def begin(settings: Settings, version: str, now: Moment) -> Status:
    """Return what a daemon knows that has just begun."""
    return Status(settings.instance, settings.host, version, now.at, now.at, commands=settings.commands)


def after(status: Status, news: PassEvent, now: Moment) -> Status:
    """Return what is known after a piece of news."""
    match news:
        case Connected(uri=uri, host=host):
            changed = replace(status, link=Link(uri, now.at, host=host))
        case Lost(uri=uri, why=why):
            changed = _without_host(replace(status, link=Link(uri, now.at, why)), why, now)
        case PassPlanned():
            changed = _after_look(status, news, now)
        case PassFinished():
            changed = _after_act(status, news, now)
        case ReadinessProbed(unready=unready):
            objects = _checked(_well_again(status, now), unready, now)
            changed = replace(status, objects=objects, unready=unready)
        case PassFailed(why=why):
            changed = replace(status, broken=why)
        case _:
            changed = status
    return replace(changed, at=now.at, objects=_dated(changed.objects, status.objects))


def _dated(
    objects: Mapping[Key, ObjectStatus], before: Mapping[Key, ObjectStatus]
) -> Mapping[Key, ObjectStatus]:
    """Return how objects stand, each since it came to stand so."""
    if objects is before:
        return objects
    return {key: _since(standing, before.get(key)) for key, standing in objects.items()}


def _since(standing: ObjectStatus, before: ObjectStatus | None) -> ObjectStatus:
    if before is None or before.condition is not standing.condition or before.since == standing.since:
        return standing
    return replace(standing, since=before.since)


def _without_host(status: Status, why: str, now: Moment) -> Status:
    """Return what is known once libvirt is lost: of its objects nothing, until it is back and was looked at."""
    since = f"not observed since libvirt could not be reached: {why}"
    unknown = {
        key: ObjectStatus(key, Condition.UNKNOWN, now.at, since, source=s.source)
        for key, s in status.objects.items()
    }
    return replace(status, objects=unknown, unready={})


def _after_look(status: Status, planned: PassPlanned, now: Moment) -> Status:
    known = status.revision
    is_same = known is not None and known.commit == planned.commit
    paused = planned.world.suspended.get(None)
    failures = {k: error for k, error in status.failures.items() if k in planned.waits}
    return replace(
        status,
        revision=known if is_same else Revision(planned.commit, now.at),
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
        objects=_checked(object_statuses(planned, status.objects, failures, now), status.unready, now),
        failures=failures,
    )


def _checked(objects: Standings, unready: Mapping[Key, str], now: Moment) -> Standings:
    """Return how objects stand, with those that do not do their work told from those that do."""
    for key in unready.keys() & objects.keys():
        if objects[key].condition in (Condition.READY, Condition.PENDING):
            objects[key] = replace(objects[key], condition=Condition.UNREADY, why=unready[key], since=now.at)
    return objects


def _well_again(status: Status, now: Moment) -> Standings:
    """Return how objects stand if all of them do their work."""
    objects = dict(status.objects)
    for key, standing in objects.items():
        if standing.condition is Condition.UNREADY:
            condition, why = (Condition.PENDING, STORED) if standing.pending else (Condition.READY, "")
            objects[key] = replace(standing, condition=condition, why=why, since=now.at)
    return objects


def _after_act(status: Status, acted: PassFinished, now: Moment) -> Status:
    """Return what is known once steps have ended; what is done is Ready only once it was looked at."""
    ends: dict[Key, Outcome] = {}
    for outcome in acted.report.outcomes:
        worst = ends.get(outcome.action.key, outcome)
        ends[outcome.action.key] = max(worst, outcome, key=lambda o: _WORSE.index(o.result))
    failures = {k: error for k, error in status.failures.items() if k not in ends}
    failures |= {k: o.error for k, o in ends.items() if o.result is Result.FAILED}
    if not status.is_connected:
        return replace(status, failures=failures)
    changed = {k: _ended(k, o, acted, now) for k, o in ends.items() if k in acted.waits or o.error}
    known = {
        k: replace(s, source=status.objects[k].source) for k, s in changed.items() if k in status.objects
    }
    return replace(status, objects={**status.objects, **known}, failures=failures)


_WORSE = (Result.DONE, Result.SKIPPED, Result.FAILED)


def _ended(key: Key, outcome: Outcome, acted: PassFinished, now: Moment) -> ObjectStatus:
    verbs = tuple(dict.fromkeys(a.verb.name for a in acted.report.plan.actions if a.key == key))
    if key in acted.waits:
        return failed(key, acted.waits[key], outcome.error, now, verbs)
    condition = Condition.FAILED if outcome.result is Result.FAILED else Condition.HELD
    return ObjectStatus(key, condition, now.at, outcome.error, verbs=verbs)
