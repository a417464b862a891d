"""
Compute digests of specs and changes, so that later passes recognize them.

Digests are stored and shown to users, so they do not contain secrets.
"""

import json
from functools import lru_cache
from hashlib import pbkdf2_hmac, sha256

from kvmreconcile.model import Desired, Policy
from kvmreconcile.plan.secrets.masks import mask
from kvmreconcile.tree import Change, Node, Rules
from kvmreconcile.tree.variants import for_secrets

_LIVE = "live:"
_ROUNDS = 100_000
"""Number of hash iterations for a secret. Each guess of the secret takes about 50 ms."""


def digest(desired: Desired, rules: Rules) -> str:
    """
    Return a digest of a spec.

    Secret values are left out, since guesses of a password could be checked against the stored
    digest. `seal` returns a digest of the secret values.
    """
    tree = _plain(mask(desired.tree, for_secrets(rules, desired.policy.secrets)))
    refused = [desired.refused_parts.parts] if desired.refused_parts else []
    said = (
        tree,
        str(desired.power),
        desired.autostart,
        desired.creation.plain,
        _ruling(desired.policy),
        *refused,
    )
    return sha256(json.dumps(said).encode()).hexdigest()[:16]


def seal(desired: Desired, rules: Rules) -> str:
    """Return a slow hash of the secret values in a spec, or "" if it has none."""
    own = for_secrets(rules, desired.policy.secrets)
    if desired.tree == mask(desired.tree, own):
        return ""
    return _slow_hash(json.dumps(_plain(desired.tree)), str(desired.key))


def _ruling(policy: Policy) -> list[object]:
    """Return the settings of a policy that are stored or affect the comparison."""
    goes = sorted(rest.value for rest in policy.lifecycle.removal)
    secrets = [{"secret": policy.secrets}] if policy.secrets else []
    return [policy.apply.value, policy.protect, policy.ignore, *([goes] if goes else []), *secrets]


def _plain(node: Node) -> list[object]:
    return [node.tag, node.attrs, node.text, [_plain(c) for c in node.children]]


def fingerprint(change: Change) -> str:
    """
    Return a digest of a change, including the old and the new value.

    The digest is stored, and is part of a plan's digest, which users see. To protect secrets, a
    secret value is hashed slowly, and secrets inside a whole element are left out.
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
    """
    Return a slow hash of a secret value, to make guessing a password expensive.

    Hashes are cached, since a plan needs each hash several times.
    """
    return pbkdf2_hmac("sha256", value.encode(), rule.encode(), _ROUNDS).hex()


def live_mark(change: Change) -> str:
    """Return the fingerprint of a change of a running object, not of its stored definition."""
    return f"{_LIVE}{fingerprint(change)}"


def is_live_mark(mark: str) -> bool:
    """Return whether a stored fingerprint belongs to a change of a running object."""
    return mark.startswith(_LIVE)
