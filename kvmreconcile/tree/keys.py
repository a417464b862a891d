"""
Read the keys of an element: the values by which it is told apart from others of its tag.

How keys are written is said by `Members`; what follows from them is the matter of `match`.
"""

from dataclasses import dataclass

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.rules import Rules


@dataclass(frozen=True, slots=True)
class Keys:
    """The ways in which members at a path are told apart, best first."""

    keys: tuple[tuple[str, ...], ...]
    path: str
    rules: Rules

    def of(self, node: Node) -> tuple[str | None, ...]:
        """Return the canonical value of each of an element's keys, None for one it does not have."""
        return tuple(self._value(node, key) for key in self.keys)

    def in_common(self, one: Node, other: Node) -> bool:
        """Tell whether some key is on both sides (and so, if they are unmatched, differs)."""
        return any(a is not None and b is not None for a, b in zip(self.of(one), self.of(other), strict=True))

    def _value(self, node: Node, key: tuple[str, ...]) -> str | None:
        values: list[str] = []
        for part in key:
            path, is_condition, allowed = part.partition("=")
            value = self._all(node, path) if path.endswith("@*") else node.get(path)
            if is_condition:
                if (value or "") not in allowed.split("|"):
                    return None
            elif value is None:
                return None
            else:
                values.append(self._canonical(path, value))
        return "\0".join(values)

    def _all(self, node: Node, path: str) -> str | None:
        """Return all attributes of an element inside a member, None where it does not have that."""
        element = node.find(path.removesuffix("@*").removesuffix("/"))
        if element is None:
            return None
        above = path.removesuffix("*")
        return " ".join(f"{name}={self._canonical(f'{above}{name}', value)}" for name, value in element.attrs)

    def _canonical(self, path: str, value: str) -> str:
        scalar = self.rules.scalars.get(f"{self.path}/{path}" if path else self.path)
        return scalar.canonical(value) if scalar else value


def differ(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
    """Tell whether some key that both have has another value in each."""
    return any(a is not None and b is not None and a != b for a, b in zip(one, other, strict=True))
