"""
Convert history entries to audit events, which record who changed which object and the outcome.

The event types are a stable interface, documented in docs/audit.md. Types may be added; the meaning of a
type never changes.
"""

from collections.abc import Mapping

from kvmreconcile.state.history import EntryKind, HistoryEntry
from kvmreconcile.tree import Effect

EVENTS: Mapping[str, str] = {
    "order.approved": "A plan, identified by its digest, was approved",
    "order.suspended": "An object, or everything, was suspended",
    "order.resumed": "A suspension was removed",
    "order.reconciled": "A pass was requested",
    "order.state_accepted": "The state was accepted for this host",
    "order.applied": "`apply` began to execute a plan",
    "order.adopted": "`adopt` began to adopt objects",
    "order.given": "Another command was sent to the daemon; the field `order` names it",
    "order.refused": "A command or request was refused because the caller lacks permission",
    "object.created": "An object was created",
    "object.adopted": "An object was adopted",
    "object.changed": "Another property of an object was changed, such as its definition or its autostart",
    "object.started": "An object was started or resumed",
    "object.stopped": "An object was stopped or paused",
    "object.restarted": "An object was restarted",
    "object.replaced": "An object was replaced",
    "object.removed": "An object was removed",
    "object.data_lost": "A step with the effect data-loss ended; such a step deletes data, leaves data behind "
    "or recreates an object with lost data",
    "revision.in_force": "Another commit of the repository is now in use",
    "revision.refused": "The newest commit cannot be fetched or checked out, or is refused",
}
"""Each type of audit event and its description."""

_ORDERS: Mapping[str, str] = {
    "approve": "order.approved",
    "suspend": "order.suspended",
    "resume": "order.resumed",
    "reconcile": "order.reconciled",
    "accept": "order.state_accepted",
    "apply": "order.applied",
    "adopt": "order.adopted",
}
_BY_EFFECT: Mapping[str, str] = {
    str(Effect.DATA_LOSS): "object.data_lost",
    str(Effect.REPLACE): "object.replaced",
    str(Effect.RESTART): "object.restarted",
}
"""The event type by the effect of a step. It takes precedence over the type by verb."""
_BY_VERB: Mapping[str, str] = {
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
"""The event type by verb. All other verbs have the type object.changed."""


def audit_type(entry: HistoryEntry) -> str:
    """Return the audit event type of a history entry; "" if the entry is not an audit event."""
    match entry.what:
        case EntryKind.PLANNED:
            return _ORDERS.get(entry.verb, "")
        case EntryKind.ORDER:
            return _ORDERS.get(entry.verb, "order.given")
        case EntryKind.REFUSED:
            return "order.refused"
        case EntryKind.STEP if entry.result != "skipped":
            by_effect = "object.removed" if entry.verb == "remove" else _BY_EFFECT.get(entry.effect, "")
            return by_effect or _BY_VERB.get(entry.verb, "object.changed")
        case _:
            return ""


def audit_fields(entry: HistoryEntry) -> dict[str, object]:
    """Return the non-empty fields of an audit event, without its type."""
    is_step = entry.what is EntryKind.STEP
    fields = {
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
    return {name: value for name, value in fields.items() if value}
