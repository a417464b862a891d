"""
Guests that are started: each is waited for until it does its work, where its spec says how that shows.

Separate from the steps of one object, because it is decided only once it is known which steps may be done. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kvmreconcile.model import Action
from kvmreconcile.tree import Effect

_STARTS = frozenset({"start", "restart"})
"""Verbs after which a guest boots."""


def awaited(actions: Sequence[Action]) -> Iterator[Action]:
    """Yield the steps of all objects, after those that start one a step that waits until it is ready."""
    for action in actions:
        yield action
        if action.verb in _STARTS and action.policy.ready:
            yield replace(action, verb="ready", effect=Effect.LIVE, changes=(), tree=None)
