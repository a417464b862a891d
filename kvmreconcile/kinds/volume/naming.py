"""Convert references to volumes: specs use names, libvirt uses paths."""

from collections.abc import Mapping
from dataclasses import replace
from posixpath import basename, dirname
from xml.sax.saxutils import quoteattr

from kvmreconcile.tree import Node, make, overlay, parse, to_xml
from kvmreconcile.tree.rules import Rules

_READ_ONLY = ("@pool", "key", "physical", "source", "target/path", "target/timestamps")
_BACKING = ("@pool", "@volume", "permissions", "timestamps")


def with_names(xml: str, pool: str, directories: Mapping[str, str]) -> str:
    """
    Return a volume's XML with the names of its pool and its backing volume added.

    Args:
        xml: The XML from libvirt.
        pool: Name of the volume's pool.
        directories: Names of pools by their target path.
    """
    if "<backingStore" not in xml:
        return xml.replace("<volume", f"<volume pool={quoteattr(pool)}", 1)
    tree = parse(xml)
    backing = tree.child("backingStore") or Node("backingStore")
    path = backing.get("path") or ""
    owner = (
        pool if dirname(path) == dirname(tree.get("target/path") or "") else directories.get(dirname(path))
    )
    mark = make("volume", {"pool": pool})
    if owner and path:
        mark = replace(mark, children=(make("backingStore", {"pool": owner, "volume": basename(path)}),))
    return to_xml(overlay(tree, mark, Rules()))


def without_names(tree: Node, backing_path: str = "", backing_format: str = "") -> Node:
    """
    Return a definition for libvirt, without added names and without values that libvirt only reports.

    Args:
        tree: The definition.
        backing_path: Path of the backing volume; "" if there is none.
        backing_format: Format of the backing volume, used if the definition has no backing format.
    """
    for path in _READ_ONLY:
        tree = tree.without(path)
    if tree.child("target") is None:
        # libvirt's schema requires it, although libvirt itself does not.
        tree = replace(tree, children=(*tree.children, Node("target")))
    backing = tree.child("backingStore")
    if backing is None:
        return tree
    for path in _BACKING:
        backing = backing.without(path)
    if backing_path:
        place = make("path", text=backing_path)
        backing = replace(backing, children=(place, *backing.without("path").children))
    if backing_format and backing.get("format/@type") is None:
        # Without a format libvirt would treat the file as a raw image.
        backing = replace(backing, children=(*backing.children, make("format", {"type": backing_format})))
    return replace(tree, children=tuple(backing if c.tag == "backingStore" else c for c in tree.children))
