"""
Render a plan as JSON with a format version. Within a version, fields are added but never changed.

docs/plan.schema.json defines the format, and docs/commands.md describes it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict

from kvmreconcile.model import Action, Held, Key, Plan
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.render.sizes import sizes_of
from kvmreconcile.render.summary import summary
from kvmreconcile.render.target import Target
from kvmreconcile.render.values import fit_for_xml, rules_of_change
from kvmreconcile.tree import Change, Node, Rules, to_xml
from kvmreconcile.tree.node import TEXT

SCHEMA = "kvmreconcile/plan/1"

Json = dict[str, object]


def render_json(
    plan: Plan, rules: Mapping[str, Rules], approve: str = "", target: Target | None = None
) -> str:
    """
    Return a plan as a JSON document in ASCII, which is safe to print.

    Args:
        rules: The rules of each kind, which define what is secret.
        approve: The command that approves the plan; "" to leave it out.
        target: The host, instance and specs of the plan; None to leave them out.
    """
    document: Json = {
        "schema": SCHEMA,
        **({"target": target.to_json()} if target else {}),
        "digest": plan.digest,
        "empty": plan.is_empty,
        "summary": {_camel(k): v for k, v in asdict(summary(plan)).items()},
        "actions": [_action(a, rules) | _owner(a.key, plan) for a in plan.actions],
        "held": [_held(h, rules) | _owner(h.action.key, plan) for h in plan.held],
        "pending": {str(key): [_change(c, _of(rules, key)) for c in cs] for key, cs in plan.pending.items()},
        "problems": [asdict(p) for p in plan.problems],
        "inSync": [str(key) for key in plan.in_sync],
    }
    if plan.notes:
        document["notes"] = [asdict(note) for note in plan.notes]
    if plan.unchecked:
        document["unchecked"] = [{"key": str(key), "why": why} for key, why in plan.unchecked]
    if plan.elsewhere:
        document["notConsidered"] = [
            {"source": source, "objects": list(map(str, keys))} for source, keys in plan.elsewhere.items()
        ]
    if approve:
        document["approve"] = approve
    if plan.lost:
        document["stateLost"] = plan.lost
    return json.dumps(document, indent=2) + "\n"


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.title, tail))


def _of(rules: Mapping[str, Rules], key: Key) -> Rules:
    return rules.get(key.kind) or Rules()


def _held(held: Held, rules: Mapping[str, Rules]) -> Json:
    why: Json = {"hold": _word(held.hold.name), "why": held.hold.value}
    more: Json = {"detail": held.detail, "release": held.release}
    until: Json = {"until": held.until and held.until.isoformat()}
    return _action(held.action, rules) | why | more | until


def _action(action: Action, rules: Mapping[str, Rules]) -> Json:
    return {
        "key": str(action.key),
        "kind": action.key.kind,
        "name": action.key.name,
        "verb": action.verb.name,
        "effect": str(action.effect),
        "reason": _word(action.reason.name),
        "needs": [str(key) for key in action.needs],
        "after": [str(key) for key in action.after],
        "changes": [_change(c, _of(rules, action.key), action) for c in action.changes],
        "notes": list(action.notes),
    }


def _owner(key: Key, plan: Plan) -> Json:
    """Return the field for the document that generates an object, none if it has a document of its own."""
    return {"owner": str(plan.owners[key])} if key in plan.owners else {}


def _word(name: str) -> str:
    return name.lower().replace("_", "-")


def _change(change: Change, rules: Rules, action: Action | None = None) -> Json:
    rules = rules_of_change(change, rules)
    sizes = dict(zip(("oldBytes", "newBytes"), sizes_of(change, rules, action), strict=True))
    known: Json = {name: size for name, size in sizes.items() if size is not None}
    return {
        "sign": change.sign,
        "path": change.path,
        "rule": change.rule,
        "old": _value(change.old, change.rule, rules),
        "new": _value(change.new, change.rule, rules),
    } | known


def _value(value: str | Node | None, rule: str, rules: Rules) -> object:
    if isinstance(value, Node) and value.tag == TEXT:
        value = value.text
    if isinstance(value, Node):
        return {"xml": to_xml(fit_for_xml(value, rule, rules))}
    return SECRET if value is not None and rules.is_secret(rule) else value
