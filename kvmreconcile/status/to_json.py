"""
The snapshot as JSON, for programs.

Separate from the snapshot, because this form is promised to others: fields may be added, and none is removed or
changes its meaning as long as the schema's name stays.
"""

from dataclasses import asdict
from datetime import datetime

from kvmreconcile.status.condition import ObjectStatus
from kvmreconcile.status.status import Status

SCHEMA = "kvmreconcile/status/1"
Json = dict[str, object]


def to_json(status: Status) -> Json:
    """Return a snapshot as plain data."""
    link, revision, last, paused = status.link, status.revision, status.last, status.paused
    return {
        "schema": SCHEMA,
        "at": _moment(status.at),
        "instance": status.instance,
        "host": status.host,
        "version": status.version,
        "started": _moment(status.started),
        "converged": status.is_converged,
        "connected": status.is_connected,
        "libvirt": {
            "uri": link.uri,
            "since": _moment(link.since),
            "why": link.why,
            "hostUuid": link.host.uuid if link.host else "",
        }
        if link
        else None,
        "revision": {"commit": revision.commit, "since": _moment(revision.since)} if revision else None,
        "plan": last.digest if last else "",
        "approve": status.approve,
        "pass": {
            "id": last.pass_id,
            "at": _moment(last.at),
            "tookSeconds": round(last.took_s, 3),
            "rungBy": list(last.triggered_by),
            "steps": last.allowed,
        }
        if last
        else None,
        "broken": status.broken,
        "stateLost": status.lost,
        "paused": {
            "since": _moment(paused.since),
            "until": _moment(paused.until),
            "why": paused.why,
            "who": paused.who,
        }
        if paused
        else None,
        "counts": {condition.value: count for condition, count in status.counts().items()},
        "problems": [asdict(problem) for problem in status.problems],
        "notes": [asdict(note) for note in status.notes],
        "hidden": [{"prefix": b.prefix, "why": b.why} for b in status.unobservable],
        "notConsidered": [
            {"source": source, "objects": list(map(str, keys))} for source, keys in status.elsewhere.items()
        ],
        "objects": [object_to_json(standing) for standing in status.objects.values()],
    }


def object_to_json(standing: ObjectStatus) -> Json:
    """Return how one object stands as plain data."""
    return {
        "key": str(standing.key),
        "kind": standing.key.kind,
        "name": standing.key.name,
        "condition": standing.condition.value,
        "since": _moment(standing.since),
        "why": standing.why,
        "release": standing.release,
        "until": _moment(standing.until),
        "hold": standing.hold.name.lower().replace("_", "-") if standing.hold else None,
        "verbs": list(standing.verbs),
        "pending": list(standing.pending),
        "source": standing.source,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
