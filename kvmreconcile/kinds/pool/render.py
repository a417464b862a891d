"""Convert a pool's spec to libvirt's XML, and an existing pool to a spec."""

from dataclasses import replace
from typing import Any, cast

from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.pool.rules import RULES
from kvmreconcile.kinds.pool.spec import StoragePoolSpec
from kvmreconcile.kinds.rendering import make_desired, spec_tree
from kvmreconcile.model import Actual, Cost, Desired, Key, Power, Removal, Surroundings
from kvmreconcile.schema.decode import read_fields
from kvmreconcile.tree import Node, make, to_xml

NAME = "StoragePool"
ROOT = "pool"

_LISTED = 8
"""How many volumes are listed by name; the others are counted."""
_READ_ONLY = ("name", "capacity", "allocation", "available")


def key(document: Document) -> Key:
    """Return the key of a document's pool."""
    return Key(NAME, document.name)


def desire(document: Document, uuid: str) -> Desired:
    """
    Return the desired pool of a document.

    Args:
        uuid: UUID for a new pool whose spec has none.

    Raises:
        SpecError: The `xml` of the spec is invalid.
    """
    spec = cast("StoragePoolSpec", document.spec)
    desired = make_desired(document, key(document), spec_tree(document, spec, ROOT, RULES), uuid)
    return replace(desired, power=Power(spec.state), autostart=spec.autostart)


def complete(proposed: Node, surroundings: Surroundings) -> Node:
    """Return a definition with its type and UUID filled in."""
    if proposed.attr("type") is None:
        proposed = make(ROOT, {**dict(proposed.attrs), "type": "dir"}, proposed.text, proposed.children)
    if surroundings.uuid and not proposed.get("uuid"):
        uuid = make("uuid", text=surroundings.uuid)
        # First: libvirt's schema requires the mount options of a file system at the end.
        proposed = replace(proposed, children=(uuid, *proposed.without("uuid").children))
    return proposed


def cost(removal: Removal) -> Cost:
    """Return the cost of removing a pool: which volumes and files are kept."""
    tree = removal.actual.tree
    # Of other types the path is a mount point, or a directory of device nodes.
    path = tree.get("target/path") if tree.attr("type") in (None, "dir") else None
    rest = f"files in {path} are kept" if path else "the contents of its storage are kept"
    if not removal.actual.active:
        return Cost(notes=(rest,))
    inside = f"Volume/{removal.actual.key.name}/"
    if any(inside.startswith(prefix) for prefix in removal.unlisted):
        return Cost(notes=(f"its volumes could not be listed; {rest}",))
    names = [key.name.partition("/")[2] for key in removal.contents]
    if not names:
        return Cost(notes=(f"libvirt lists no volumes in it; {rest}",))
    where = f" in {path}" if path else ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = f"({', '.join(names[:_LISTED])}{more})"
    return Cost(notes=(f"volumes that are kept: {len(names)}{where} {listed}",))


def adopt(actual: Actual) -> dict[str, Any]:
    """Return the fields of a spec for an existing pool, with `xml` for parts that have no field."""
    tree = actual.tree
    for path in _READ_ONLY:
        tree = tree.without(path)
    if tree.child("source") == Node("source"):
        tree = tree.without("source")
    values, left = read_fields(StoragePoolSpec, tree, RULES)
    fields: dict[str, Any] = {"state": "running" if actual.active else "stopped"}
    if actual.autostart is not None:
        fields["autostart"] = actual.autostart
    fields |= values
    if not left.is_empty():
        fields["xml"] = to_xml(left)
    return fields
