"""Define a change: one difference between two trees."""

from dataclasses import dataclass, field

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.table import Table, is_within, paths


@dataclass(frozen=True, slots=True)
class Change:
    """
    A change of one leaf (an attribute or a text) or of one whole element.

    Attributes:
        steps: The place for users, such as ("devices", "disk[root]", "driver", "@cache").
        rule: The path in rules, such as "devices/disk/driver/@cache".
        old: The value before the change; None if it is absent.
        new: The value after the change; None if it is absent.
        secrets: Paths of values that are never shown.
    """

    steps: tuple[str, ...]
    rule: str
    old: str | Node | None
    new: str | Node | None
    secrets: Table[bool] = field(default_factory=paths, compare=False, repr=False)

    @property
    def path(self) -> str:
        """The place for users, as one string."""
        return "/".join(self.steps)

    @property
    def is_secret(self) -> bool:
        """Whether the changed value is secret. An element that is not secret may contain secret values."""
        return is_within(self.secrets, self.rule)

    @property
    def sign(self) -> str:
        """The kind of change: "+" (added), "-" (removed) or "~" (changed)."""
        return "+" if self.old is None else "-" if self.new is None else "~"
