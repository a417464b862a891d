"""Read plans from case files, so that renderers are tested without a hypervisor."""

from pathlib import Path
from typing import Any

import yaml

from kvmreconcile.errors import Problem
from kvmreconcile.model import Action, Held, Hold, Key, Plan, Reason
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.render import needs_approval
from kvmreconcile.tree import Change, Effect, Measure, Members, Node, Owner, Rules, Table, diff, parse, paths

RULES = {
    "Domain": Rules(
        members=Table(
            {
                "devices/disk": Members((("alias/@name",), ("target/@dev",)), Owner.SPEC),
                "devices/interface": Members((("alias/@name",), ("mac/@address",)), Owner.SPEC),
            }
        ),
        measures=Table({"memory": Measure(), "currentMemory": Measure()}),
        ignored=paths("metadata/urn:kvmreconcile:1:owner"),
        secrets=paths("devices/graphics/@passwd", "sysinfo/oemStrings", "description"),
    )
}


def approval(plan: Plan) -> str:
    """Return the command that approves a plan, without paths and options."""
    return f"kvmreconcile apply --approve {plan.digest}" if needs_approval(plan) else ""


def read_plan(file: Path) -> Plan:
    """
    Return the plan of a case file.

    The file contains definitions from before and after each step.
    """
    case = yaml.safe_load(file.read_text())
    return Plan(
        actions=tuple(_action(a) for a in case.get("actions", ())),
        held=tuple(_held(h) for h in case.get("held", ())),
        pending={Key.read(k): _changes(c, Key.read(k)) for k, c in case.get("pending", {}).items()},
        in_sync=tuple(Key.read(k) for k in case.get("inSync", ())),
        problems=tuple(Problem(**p) for p in case.get("problems", ())),
        digest=case.get("digest", ""),
        lost=case.get("lost", ""),
        elsewhere={name: tuple(map(Key.read, keys)) for name, keys in case.get("elsewhere", {}).items()},
    )


def _held(case: dict[str, Any]) -> Held:
    hold = Hold[case["hold"].upper()]
    return Held(_action(case), hold, case.get("detail", ""), case.get("release", ""))


def _action(case: dict[str, Any]) -> Action:
    key = Key.read(case["key"])
    effect = Effect[case.get("effect", "live").upper().replace("-", "_")]
    needs = tuple(Key.read(k) for k in case.get("needs", ()))
    tree = _tree(case, "new")
    notes = tuple(case.get("notes", ()))
    return Action(
        key,
        verb_of(case["verb"]),
        effect,
        Reason[case["reason"].upper()],
        _changes(case, key),
        needs,
        tree,
        notes=notes,
    )


def _changes(case: dict[str, Any], key: Key) -> tuple[Change, ...]:
    old, new = _tree(case, "old"), _tree(case, "new")
    if old is None or new is None:
        return (Change((), "", old, new),) if old or new else ()
    return tuple(diff(old, new, RULES.get(key.kind, Rules())))


def _tree(case: dict[str, Any], side: str) -> Node | None:
    return parse(case[side]) if side in case else None
