"""
What is remembered of an object once it was acted on, and how to tell whether it still holds.

Separate from comparing, because executors use it too. Nothing here ever holds a secret: values at secret
paths are masked before they leave.
"""

import json
from collections.abc import Collection
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from hashlib import pbkdf2_hmac, sha256

from kvmreconcile.model import Actual, Applied, Apply, Desired, Key, Policy, Reason, Settled, StartedStep
from kvmreconcile.plan.compare.ambiguous import Certain, certain
from kvmreconcile.plan.compare.live import lacking
from kvmreconcile.plan.compare.refused_parts import kept_as_it_is
from kvmreconcile.plan.compare.steps import hot_and_cold
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.masks import SECRET, mask
from kvmreconcile.plan.secrets.paths import still_secret
from kvmreconcile.tree import Change, Node, Rules, diff, overlay
from kvmreconcile.tree.variants import for_policy, for_secrets

_LIVE = "live:"
_ROUNDS = 100_000
"""How often a secret is hashed: some 50 ms for each guess."""


def digest(desired: Desired, rules: Rules) -> str:
    """
    Return a short name of all that a spec says, which changes with it.

    Secret values do not count: it is stored, and who reads it could try passwords against it; see `seal`.
    """
    tree = _plain(mask(desired.tree, for_secrets(rules, desired.policy.secrets)))
    kept = [desired.kept.parts] if desired.kept else []
    said = (
        tree,
        str(desired.power),
        desired.autostart,
        desired.creation.plain,
        _ruling(desired.policy),
        *kept,
    )
    return sha256(json.dumps(said).encode()).hexdigest()[:16]


def seal(desired: Desired, rules: Rules) -> str:
    """Return a slow hash of the secret values that a spec says, "" if it says none."""
    own = for_secrets(rules, desired.policy.secrets)
    if desired.tree == mask(desired.tree, own):
        return ""
    return _slow_hash(json.dumps(_plain(desired.tree)), str(desired.key))


def _ruling(policy: Policy) -> list[object]:
    """Return of a policy what is remembered or tells what is compared; how far one may go unasked is neither."""
    goes = sorted(rest.value for rest in policy.lifecycle.removal)
    secrets = [{"secret": policy.secrets}] if policy.secrets else []
    return [policy.apply.value, policy.protect, policy.ignore, *([goes] if goes else []), *secrets]


def _plain(node: Node) -> list[object]:
    return [node.tag, node.attrs, node.text, [_plain(c) for c in node.children]]


def fingerprint(change: Change) -> str:
    """
    Return what identifies a change with both its values, without telling them.

    It is stored, and part of a plan's digest, which is shown. So a secret is hashed slowly (and rarely: only
    where it differs), and what is secret within a whole element does not count.
    """
    values = [_identity(value, change) for value in (change.old, change.new)]
    return sha256(json.dumps([change.path, *values]).encode()).hexdigest()[:24]


def _identity(value: str | Node | None, change: Change) -> object:
    if isinstance(value, Node):
        return _plain(mask(value, Rules(secrets=change.secrets), change.rule))
    if value is None or not change.is_secret:
        return value
    return _slow_hash(value, change.rule)


@lru_cache(maxsize=1024)
def _slow_hash(value: str, rule: str) -> str:
    """Return a slow hash, from which a password is hard to guess; cached, as a plan needs each several times."""
    return pbkdf2_hmac("sha256", value.encode(), rule.encode(), _ROUNDS).hex()


def settled(desired: Desired, actual: Actual, rules: Rules) -> tuple[Settled, ...]:
    """Return what libvirt answered otherwise than it was asked, after it was asked."""
    tree = actual.tree
    changes = diff(tree, overlay(tree, desired.tree, rules), rules)
    return tuple(_settled(c, fingerprint(c), rules) for c in changes)


class Run(Enum):
    """How an object's run relates to the one before something was done to it."""

    SAME = "the same run"
    NEW = "started since"
    WOKEN = "woken since from its saved memory, with the hardware it had"


def run_of(seen: Actual | None, actual: Actual, started: Collection[Key] = ()) -> Run:
    """
    Return how an object's run relates to the one that was observed when the plan was made.

    Args:
        started: What was started since; where libvirt does not number the runs, only this shows a new one.
    """
    if seen and seen.runtime_id == actual.runtime_id and actual.key not in started:
        return Run.SAME
    return Run.WOKEN if seen and seen.saved else Run.NEW


def settled_live(
    desired: Desired, actual: Actual, run: Run, before: Applied | None, kind: Rulebook
) -> tuple[Settled, ...]:
    """
    Return what the running object has otherwise than it was asked, and what no new start would change.

    That is all that is left right after a start, and what a verb for running objects did not bring about.

    Args:
        before: What was remembered of it before anything was done to it.
    """
    rules = rules_for(desired, kind)
    known = {s.fingerprint for s in before.settled} if before else set()
    sure = in_force(desired, actual, earlier(before, digest(desired, kind.rules)), kind)
    runs = lacking(sure.desired, actual, sure.live, None, rules)
    changes = runs.changes
    hot, _ = hot_and_cold(runs, rules)
    # One that was only woken up runs what was defined before it slept, and no verb was tried on it.
    tried = {Run.SAME: hot, Run.NEW: changes, Run.WOKEN: ()}[run]
    return tuple(_settled(c, live_mark(c), rules) for c in changes if live_mark(c) in known or c in tried)


def live_mark(change: Change) -> str:
    """Return the fingerprint of a change of the running object, which is none of its stored definition."""
    return f"{_LIVE}{fingerprint(change)}"


def is_live_mark(mark: str) -> bool:
    """Tell whether a remembered fingerprint is of a running object."""
    return mark.startswith(_LIVE)


def _settled(change: Change, mark: str, rules: Rules) -> Settled:
    return Settled(
        change.path, _spelled(change.new, change, rules), _spelled(change.old, change, rules), mark
    )


def _spelled(value: str | Node | None, change: Change, rules: Rules) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Node):
        return f"<{value.tag}>"
    return SECRET if rules.is_secret(change.rule) else value


def intent(desired: Desired, instance: str, kind: Rulebook) -> Applied:
    """Return what is remembered before an object is made: that it is ours, and not yet whole."""
    rules = rules_for(desired, kind)
    return Applied(
        key=desired.key,
        uuid=desired.tree.get("uuid") or desired.creation.uuid,
        instance=instance,
        tree=mask(desired.tree, rules),
        digest=digest(desired, kind.rules),
        complete=False,
        protect=desired.policy.protect,
        removal=desired.policy.lifecycle.removal,
        secrets=desired.policy.all_secrets,
        sealed=seal(desired, kind.rules),
    )


def applied_after(
    desired: Desired, actual: Actual, kind: Rulebook, instance: str, before: Applied | None = None
) -> Applied:
    """
    Return what is remembered once an object was brought to what its spec says, as libvirt then has it.

    Args:
        before: What was remembered. While a list is held, that is still what the object was brought to.
    """
    rules, named = rules_for(desired, kind), digest(desired, kind.rules)
    sure = in_force(desired, actual, earlier(before, named), kind)
    done = Applied(
        key=desired.key,
        uuid=actual.uuid,
        instance=instance,
        tree=mask(desired.tree, rules),
        digest=named,
        settled=settled(sure.desired, actual, rules),
        runtime_id=actual.runtime_id,
        protect=desired.policy.protect,
        removal=desired.policy.lifecycle.removal,
        secrets=still_secret(desired, actual, kind.rules),
        sealed=seal(desired, kind.rules),
    )
    return unedited(done, before) if before and sure.unclear else done


_AGAIN = {Reason.NEW: Reason.UNFINISHED, Reason.ROLLBACK: Reason.EDIT}
"""The reason of a step that is tried again, by that of the first try, where it is another."""


def begun(reason: Reason, named: str) -> StartedStep:
    """Return what is remembered of a step that is begun for a reason, with a spec of this digest."""
    return StartedStep(_AGAIN.get(reason, reason).name, named)


def unedited(done: Applied, before: Applied) -> Applied:
    """Return an applied record with the tree and digest from before an edit, for an edit that is not done completely."""
    secrets = tuple(dict.fromkeys((*done.secrets, *before.secrets)))
    return replace(
        done,
        tree=before.tree,
        digest=before.digest,
        secrets=secrets,
        sealed=before.sealed,
        begun=before.begun,
    )


def earlier(applied: Applied | None, named: str) -> Node | None:
    """Return what an earlier spec said, None if one of this digest says the same and so has nothing to forget."""
    return applied.tree if applied and applied.digest != named else None


def in_force(desired: Desired, actual: Actual, before: Node | None, kind: Rulebook) -> Certain:
    """Return what of a spec can be in force, with what must stay as it is; the rest is held."""
    return certain(followed(desired, actual, kind, before), actual, before, rules_for(desired, kind))


def followed(desired: Desired, actual: Actual, kind: Rulebook, before: Node | None = None) -> Desired:
    """Return what is wanted, with what must stay as it is; `before` is what an earlier spec said."""
    kept = desired
    if kind.relocation:
        kept = replace(desired, tree=kind.relocation.keep_sources(desired, actual, before))
    return kept_as_it_is(kept, actual, rules_for(desired, kind))


def proposal(desired: Desired, actual: Actual, applied: Applied | None, kind: Rulebook) -> Node:
    """Return the definition that an object of ours is to have: the one it has, with what its spec says of it."""
    return in_force(desired, actual, earlier(applied, digest(desired, kind.rules)), kind).proposed


def rules_for(desired: Desired, kind: Rulebook) -> Rules:
    """Return a kind's rules, adapted to the object's own policy."""
    policy = desired.policy
    return for_policy(
        for_secrets(kind.rules, policy.all_secrets),
        plain=desired.creation.plain,
        shared=policy.apply is Apply.MERGE,
        ignored=policy.ignore,
        interrupts=policy.live.interrupts,
    )
