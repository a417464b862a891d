"""
Render the status snapshot as JSON for programs.

The format is stable: within a schema version, fields may be added, but no field is removed or changes its meaning.
"""

from dataclasses import asdict
from datetime import datetime

from kvmreconcile.model import Suspension
from kvmreconcile.status.condition import ObjectStatus
from kvmreconcile.status.status import LastPass, Link, RevisionInUse, Status

SCHEMA = "kvmreconcile/status/1"
Json = dict[str, object]


def status_to_json(status: Status) -> Json:
    """Return a status snapshot as data for JSON."""
    return {
        "schema": SCHEMA,
        "at": _moment(status.at),
        "instance": status.instance,
        "host": status.host,
        "version": status.version,
        "started": _moment(status.started),
        "converged": status.is_converged,
        "connected": status.is_connected,
        "libvirt": _link(status.link) if status.link else None,
        "revision": _revision(status.revision) if status.revision else None,
        "plan": status.last.digest if status.last else "",
        "approve": status.approve,
        "pass": _last_pass(status.last) if status.last else None,
        "broken": status.broken,
        "stateLost": status.lost,
        "paused": _suspension(status.paused) if status.paused else None,
        "counts": {condition.value: count for condition, count in status.counts().items()},
        "problems": [asdict(problem) for problem in status.problems],
        "notes": [asdict(note) for note in status.notes],
        "hidden": [{"prefix": part.prefix, "why": part.why} for part in status.unobservable],
        "notConsidered": [
            {"source": source, "objects": list(map(str, keys))} for source, keys in status.elsewhere.items()
        ],
        "placedElsewhere": status.placed_elsewhere,
        "objects": [object_status_to_json(object_status) for object_status in status.objects.values()],
    }


def object_status_to_json(object_status: ObjectStatus) -> Json:
    """Return the status of one object as data for JSON."""
    hold = object_status.hold
    return {
        "key": str(object_status.key),
        "kind": object_status.key.kind,
        "name": object_status.key.name,
        "condition": object_status.condition.value,
        "since": _moment(object_status.since),
        "why": object_status.why,
        "release": object_status.release,
        "until": _moment(object_status.until),
        "hold": hold.name.lower().replace("_", "-") if hold else None,
        "verbs": list(object_status.verbs),
        "pending": list(object_status.pending),
        "source": object_status.source,
        "owner": str(object_status.owner or ""),
    }


def _link(link: Link) -> Json:
    return {
        "uri": link.uri,
        "since": _moment(link.since),
        "why": link.why,
        "hostUuid": link.host.uuid if link.host else "",
    }


def _revision(revision: RevisionInUse) -> Json:
    return {"commit": revision.commit, "since": _moment(revision.since)}


def _last_pass(last: LastPass) -> Json:
    return {
        "id": last.pass_id,
        "at": _moment(last.at),
        "tookSeconds": round(last.took_s, 3),
        "rungBy": list(last.triggered_by),
        "steps": last.allowed,
    }


def _suspension(paused: Suspension) -> Json:
    return {
        "since": _moment(paused.since),
        "until": _moment(paused.until),
        "why": paused.why,
        "who": paused.who,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
