"""
Make the records of the specs that were applied to objects.

A record is made before an object is created, and after each step on the object. Records contain no
secrets: values at secret paths are masked.
"""

from dataclasses import replace

from kvmreconcile.model import Actual, Applied, Desired, Reason, StartedStep
from kvmreconcile.plan.compare.digests import digest, seal
from kvmreconcile.plan.compare.in_force import earlier_tree, in_force, rules_for
from kvmreconcile.plan.compare.settled import find_settled
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.masks import mask
from kvmreconcile.plan.secrets.paths import still_secret


def applied_before_creation(desired: Desired, instance: str, kind: Rulebook) -> Applied:
    """
    Return the record of an object of ours that is about to be created.

    It is marked as incomplete.
    """
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
    Return the record of an object after its spec was applied.

    Args:
        actual: The object as observed after the spec was applied.
        before: The previous record, None if there is none. If a list of the spec is held, the new
            record keeps the tree and digest of the previous one.
    """
    rules, named = rules_for(desired, kind), digest(desired, kind.rules)
    sure = in_force(desired, actual, earlier_tree(before, named), kind)
    done = Applied(
        key=desired.key,
        uuid=actual.uuid,
        instance=instance,
        tree=mask(desired.tree, rules),
        digest=named,
        settled=find_settled(sure.desired, actual, rules),
        runtime_id=actual.runtime_id,
        protect=desired.policy.protect,
        removal=desired.policy.lifecycle.removal,
        secrets=still_secret(desired, actual, kind.rules),
        sealed=seal(desired, kind.rules),
    )
    return without_edit(done, before) if before and sure.unclear else done


_AGAIN = {Reason.NEW: Reason.UNFINISHED, Reason.ROLLBACK: Reason.EDIT}
"""Maps the reason of a step to the reason of its repetition, if the two differ."""


def started_step(reason: Reason, spec_digest: str) -> StartedStep:
    """Return the record of a step that is about to start, with the digest of its spec."""
    return StartedStep(_AGAIN.get(reason, reason).name, spec_digest)


def without_edit(done: Applied, before: Applied) -> Applied:
    """Return the record `done` with the tree and digest of `before`, for an incomplete edit."""
    secrets = tuple(dict.fromkeys((*done.secrets, *before.secrets)))
    return replace(
        done,
        tree=before.tree,
        digest=before.digest,
        secrets=secrets,
        sealed=before.sealed,
        begun=before.begun,
    )
