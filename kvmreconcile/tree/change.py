"""
One difference between two trees.

Separate from finding them, so that rules, which are asked about changes, need nothing that reads rules.
"""

from dataclasses import dataclass, field

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.table import Table, is_within, paths


@dataclass(frozen=True, slots=True)
class Change:
    """
    One leaf or one whole element that is to become another.

    `steps` names it for people ("devices", "disk[root]", "driver", "@cache"), `rule` for tables
    ("devices/disk/driver/@cache"). `old` or `new` is None where the thing is absent on that side. `secrets`
    are the paths of values that are never shown.
    """

    steps: tuple[str, ...]
    rule: str
    old: str | Node | None
    new: str | Node | None
    secrets: Table[bool] = field(default_factory=paths, compare=False, repr=False)

    @property
    def path(self) -> str:
        """The name for people, in one piece."""
        return "/".join(self.steps)

    @property
    def is_secret(self) -> bool:
        """Whether its values are secret; if not, an element may still contain secret values."""
        return is_within(self.secrets, self.rule)

    @property
    def sign(self) -> str:
        """Whether it is added ("+"), removed ("-") or changed ("~")."""
        return "+" if self.old is None else "-" if self.new is None else "~"
