"""Describe one difference between two trees."""

from dataclasses import dataclass, field

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.table import Table, is_within, paths


@dataclass(frozen=True, slots=True)
class Change:
    """
    A change of one leaf or of one whole element.

    `steps` names its place for users ("devices", "disk[root]", "driver", "@cache"), `rule` for tables
    ("devices/disk/driver/@cache"). `old` or `new` is None if the leaf or element is absent on that side. `secrets` are
    the paths of values that are never shown.
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
        """Whether its values are secret; if not, an element may still contain secret values."""
        return is_within(self.secrets, self.rule)

    @property
    def sign(self) -> str:
        """The kind of change: "+" for an added, "-" for a removed, "~" for a changed leaf or element."""
        return "+" if self.old is None else "-" if self.new is None else "~"
