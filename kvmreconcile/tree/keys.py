"""Read the keys of list members: the values that identify them, as defined by `Members`."""

from dataclasses import dataclass

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.rules import Rules


@dataclass(frozen=True, slots=True)
class Keys:
    """
    The keys of members at a path.

    Attributes:
        keys: The paths of each key, best key first.
        path: The path of the members in rules.
    """

    keys: tuple[tuple[str, ...], ...]
    path: str
    rules: Rules

    def of(self, node: Node) -> tuple[str | None, ...]:
        """Return the canonical value of each key of an element; None for a key that the element lacks."""
        return tuple(self._value(node, key) for key in self.keys)

    def in_common(self, one: Node, other: Node) -> bool:
        """Return whether both elements have a value for at least one key, equal or not."""
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
        """Return all attributes of an element inside a member; None if the member lacks the element."""
        element = node.find(path.removesuffix("@*").removesuffix("/"))
        if element is None:
            return None
        above = path.removesuffix("*")
        return " ".join(f"{name}={self._canonical(f'{above}{name}', value)}" for name, value in element.attrs)

    def _canonical(self, path: str, value: str) -> str:
        scalar = self.rules.scalars.get(f"{self.path}/{path}" if path else self.path)
        return scalar.canonical(value) if scalar else value


def differ(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
    """Return whether both sides have a value for some key and these values differ."""
    return any(a is not None and b is not None and a != b for a, b in zip(one, other, strict=True))
