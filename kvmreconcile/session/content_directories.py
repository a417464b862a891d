"""Set the directories from which volumes may be filled with files."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kvmreconcile.model import Action, Plan, World
from kvmreconcile.session.kinds import Kinds


def with_content_directories(plan: Plan, world: World, kinds: Kinds, configured: Iterable[Path]) -> Plan:
    """
    Return a plan that allows source files in the configured directories and those of pools.

    Args:
        configured: The directories from the settings.
    """
    held = [h.action for h in plan.held]
    if not any(action.content for action in (*plan.actions, *held)):
        return plan
    places = (kinds[key.kind].place(desired.tree) for key, desired in world.desired.items())
    below = (*configured, *(Path(place) for place in places if place.startswith("/")))

    def with_directories(action: Action) -> Action:
        content = action.content
        return replace(action, content=content and replace(content, below=(content.home, *below)))

    return replace(
        plan,
        actions=tuple(map(with_directories, plan.actions)),
        held=tuple(replace(h, action=with_directories(h.action)) for h in plan.held),
    )
