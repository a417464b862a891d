"""
Find objects that use the same exclusive resource, such as a UUID or a MAC address.

`Rules.identities` of each kind lists the elements that name exclusive resources. Pure.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Key, Lookup
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.tree import Identity, Node, Rules
from kvmreconcile.tree.variants import for_secrets
from kvmreconcile.tree.walk import numbered


@dataclass(frozen=True, slots=True)
class Claim:
    """
    The claim of one element of a definition to an exclusive resource.

    Attributes:
        row: The table row that matches the element.
        value: The name of the resource, such as a MAC address.
        scope: Where the name must be unique, such as a network; "" means on the whole host.
        names: The object that is claimed, None if the resource is not an object.
        place: XPath of the element below the root of its definition.
    """

    row: Identity
    value: str
    scope: str = ""
    names: Key | None = None
    place: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.row.what} {self.names or self.value}"

    def meets(self, other: "Claim") -> bool:
        """Return whether two claims are the same or overlap."""
        if (self.row.what, self.scope) != (other.row.what, other.scope):
            return False
        return self.value == other.value or bool(
            self.row.overlaps and self.row.overlaps(self.value, other.value)
        )


def show_claim(claim: Claim, rules: Rules, secrets: Sequence[str]) -> str:
    """
    Return a claim as text, without its value if the value is secret.

    Args:
        secrets: Paths of values that specs mark as secret.
    """
    own, path = for_secrets(rules, secrets), re.sub(r"\[\d+\]", "", claim.place)
    parts = ("/".join(filter(None, (path, part))) for part in claim.row.value)
    return f"{claim.row.what} {SECRET}" if any(own.is_secret(part) for part in parts) else str(claim)


Claiming = tuple[tuple[str, str, Node], ...]
"""The elements of a definition that claim resources: rule path, XPath and element."""


def claims(tree: Node, rules: Rules, lookup: Lookup) -> Iterator[Claim]:
    """Yield all claims of a definition. `lookup` returns the definitions of other objects."""
    for path, place, element in find_claiming(tree, rules):
        yield from claims_of(element, rules, lookup, path, place)


def find_claiming(tree: Node, rules: Rules) -> Claiming:
    """Return the elements of a definition that claim resources."""
    return tuple(each for each in numbered(tree) if rules.identities.get(each[0]))


def claims_of(element: Node, rules: Rules, lookup: Lookup, path: str, place: str = "") -> Iterator[Claim]:
    """
    Yield the claims of one element, without the claims of its children.

    Args:
        path: The path of the element in the rules.
        place: The XPath of the element.
    """
    found: set[str] = set()
    for row in rules.identities.get(path) or ():
        if row.what not in found and (claim := _claim(row, element, rules, path, lookup)):
            found.add(row.what)
            yield replace(claim, place=place)


def _claim(row: Identity, element: Node, rules: Rules, path: str, lookup: Lookup) -> Claim | None:
    parts = [_spelled(element, part, rules, path) for part in row.value]
    if not all(parts) or (row.when and not row.when(element)):
        return None
    value = "/".join(parts)
    scope = next(filter(None, (element.get(part) for part in row.scope)), "")
    if row.names is None:
        return Claim(row, value, scope)
    kind, where = row.names
    key = Key(kind, value)
    definition = lookup(key)
    return Claim(row, (definition.get(where) if definition else None) or value, scope, key)


def _spelled(element: Node, part: str, rules: Rules, path: str) -> str:
    """Return the text at a path inside an element, in libvirt's spelling; "" if there is none."""
    text = element.get(part) or ""
    scalar = rules.scalars.get("/".join(filter(None, (path, part))))
    return scalar.canonical(text) if scalar and text else text


@dataclass(slots=True)
class Claimants:
    """Objects of one kind, by their claims."""

    _by_value: dict[tuple[str, str, str], dict[Key, Claim]] = field(default_factory=lambda: defaultdict(dict))
    _in_part: list[tuple[Key, Claim]] = field(default_factory=list)

    def add(self, key: Key, claimed: Iterable[Claim]) -> None:
        """Record claims of an object."""
        for claim in claimed:
            self._by_value[claim.row.what, claim.scope, claim.value][key] = claim
            if claim.row.overlaps:
                self._in_part.append((key, claim))

    def of(self, claim: Claim) -> dict[Key, Claim]:
        """Return the objects with the same or an overlapping claim, each with its claim."""
        found = dict(self._by_value.get((claim.row.what, claim.scope, claim.value), {}))
        return found | {key: other for key, other in self._in_part if claim.meets(other)}
