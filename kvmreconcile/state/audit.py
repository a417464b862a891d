"""
Which of all that happens is for auditors: who did what to what, and with which outcome.

Separate from how it is logged. The types are a promise to whoever filters by them: they are told in docs/audit.md,
more may come, and none changes its meaning.
"""

from collections.abc import Mapping

from kvmreconcile.state.history import EntryKind, HistoryEntry
from kvmreconcile.tree import Effect

EVENTS: Mapping[str, str] = {
    "order.approved": "A plan was approved, by its digest",
    "order.suspended": "An object, or everything, was suspended",
    "order.resumed": "A suspension was removed",
    "order.reconciled": "A pass was requested",
    "order.state_accepted": "The state was accepted as that of the host",
    "order.applied": "`apply` began to execute a plan",
    "order.adopted": "`adopt` began to adopt objects",
    "order.given": "Another order was given; its word is in `order`",
    "order.refused": "An order or a request was refused, as the caller has no right to it",
    "object.created": "An object was created",
    "object.adopted": "An object was adopted",
    "object.changed": "Another property of an object was changed, such as its definition or its autostart",
    "object.started": "An object was started or resumed",
    "object.stopped": "An object was stopped or paused",
    "object.restarted": "An object was restarted",
    "object.replaced": "An object was replaced",
    "object.removed": "An object was removed",
    "object.data_lost": "A step with the effect data-loss ended; such a step deletes data, leaves it behind "
    "or creates an object in place of lost data",
    "revision.in_force": "Another commit of the repository is used from now on",
    "revision.refused": "The newest commit cannot be fetched or checked out, or must not be used",
}
"""Each type of audit event, and what has happened then."""

_ORDERS: Mapping[str, str] = {
    "approve": "order.approved",
    "suspend": "order.suspended",
    "resume": "order.resumed",
    "reconcile": "order.reconciled",
    "accept": "order.state_accepted",
    "apply": "order.applied",
    "adopt": "order.adopted",
}
_COSTS: Mapping[str, str] = {
    str(Effect.DATA_LOSS): "object.data_lost",
    str(Effect.REPLACE): "object.replaced",
    str(Effect.RESTART): "object.restarted",
}
"""What a step costs says more than how it is called."""
_VERBS: Mapping[str, str] = {
    "create": "object.created",
    "recreate": "object.replaced",
    "replace": "object.replaced",
    "remove": "object.removed",
    "own": "object.adopted",
    "start": "object.started",
    "start-paused": "object.started",
    "resume": "object.started",
    "stop": "object.stopped",
    "suspend": "object.stopped",
    "restart": "object.restarted",
    "ready": "",
}
"""Verbs that change more, or less, than an object's definition; kinds of others may have further ones."""


def audit_type(entry: HistoryEntry) -> str:
    """Return which audit event an entry of the history is, "" if it is none."""
    match entry.what:
        case EntryKind.PLANNED:
            return _ORDERS.get(entry.verb, "")
        case EntryKind.ORDER:
            return _ORDERS.get(entry.verb, "order.given")
        case EntryKind.REFUSED:
            return "order.refused"
        case EntryKind.STEP if entry.result != "skipped":
            first = "object.removed" if entry.verb == "remove" else _COSTS.get(entry.effect, "")
            return first or _VERBS.get(entry.verb, "object.changed")
        case _:
            return ""


def audit_fields(entry: HistoryEntry) -> dict[str, object]:
    """Return what an audit event says beside its type; nothing that is empty."""
    is_step = entry.what is EntryKind.STEP
    said = {
        "audit": True,
        "key": str(entry.key) if entry.key else "",
        "verb" if is_step else "order": entry.verb,
        "effect": entry.effect,
        "result": entry.result if is_step else "refused" if entry.what is EntryKind.REFUSED else "accepted",
        "who": entry.who,
        "why": entry.reason,
        "paths": ", ".join(entry.changes),
        "error": entry.error,
        "plan": entry.plan,
        "pass_id": entry.run,
        "commit": entry.revision,
        "author": entry.author,
    }
    return {name: value for name, value in said.items() if value}
