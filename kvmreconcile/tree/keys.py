"""Read the keys of an element: the values that distinguish it from others of its tag, as `Members` defines them."""

from dataclasses import dataclass

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.rules import Rules


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of members at a path, best first."""

    keys: tuple[tuple[str, ...], ...]
    path: str
    rules: Rules

    def of(self, node: Node) -> tuple[str | None, ...]:
        """Return the canonical value of each key of an element, None for one it does not have."""
        return tuple(self._value(node, key) for key in self.keys)

    def in_common(self, one: Node, other: Node) -> bool:
        """Return whether both elements have a value for some key (which differs if they are not matched)."""
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
        """Return all attributes of an element inside a member, None if the member does not have that element."""
        element = node.find(path.removesuffix("@*").removesuffix("/"))
        if element is None:
            return None
        above = path.removesuffix("*")
        return " ".join(f"{name}={self._canonical(f'{above}{name}', value)}" for name, value in element.attrs)

    def _canonical(self, path: str, value: str) -> str:
        scalar = self.rules.scalars.get(f"{self.path}/{path}" if path else self.path)
        return scalar.canonical(value) if scalar else value


def differ(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
    """Return whether some key has different values on both sides."""
    return any(a is not None and b is not None and a != b for a, b in zip(one, other, strict=True))
