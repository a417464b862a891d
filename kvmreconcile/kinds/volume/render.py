"""Convert a volume's spec to libvirt's XML, and an existing volume to a spec."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.rendering import make_desired, spec_tree
from kvmreconcile.kinds.volume.formats import new_format
from kvmreconcile.kinds.volume.rules import CAPACITY, RULES
from kvmreconcile.kinds.volume.spec import VolumeSpec
from kvmreconcile.model import Actual, Content, Cost, Desired, Key, Removal, Surroundings
from kvmreconcile.schema.decode import read_fields
from kvmreconcile.tree import Effect, Node, make, overlay, parse, to_xml
from kvmreconcile.tree.scalars import print_size, size_bytes

NAME = "Volume"
ROOT = "volume"

# Values that libvirt only reports, and its defaults for a new volume.
_READ_ONLY = (
    "name",
    "@type",
    "key",
    "physical",
    "source",
    "target/path",
    "target/timestamps",
    "backingStore/permissions",
    "backingStore/timestamps",
)
_DEFAULTS = (
    ("target/permissions", "<permissions><mode>0600</mode><owner>0</owner><group>0</group></permissions>"),
    ("target/compat", "<compat>1.1</compat>"),
    ("target/clusterSize", "<clusterSize unit='B'>65536</clusterSize>"),
    ("target/features", "<features/>"),
)


def key(document: Document) -> Key:
    """Return the key of a document's volume: "pool/name"."""
    return Key(NAME, f"{cast('VolumeSpec', document.spec).pool}/{document.name}")


def desire(document: Document, _uuid: str) -> Desired:
    """
    Return the desired volume of a document. Volumes have no UUID.

    Raises:
        SpecError: The `xml` of the spec is invalid.
    """
    spec = _with_references(cast("VolumeSpec", document.spec))
    tree = _in_bytes(spec_tree(document, spec, ROOT, RULES))
    desired = make_desired(document, key(document), tree, "")
    return replace(desired, creation=replace(desired.creation, content=_content(document, spec)))


def _content(document: Document, spec: VolumeSpec) -> Content | None:
    if spec.source is None:
        return None
    return Content(
        path=document.directory / Path(spec.source.file),
        home=document.directory,
        any_format=spec.source.content_format == "any",
        sha256=spec.source.checksum.sha256.lower() if spec.source.checksum else "",
        named_by="spec.source.file",
        source=document.source,
    )


def _with_references(spec: VolumeSpec) -> VolumeSpec:
    """Return the spec with the pool of the backing volume and the format of the content filled in."""
    more: dict[str, Any] = {}
    if spec.backing and "/" not in spec.backing.volume:
        name = f"{spec.pool}/{spec.backing.volume}"
        more["backing"] = spec.backing.model_copy(update={"volume": name})
    if spec.source and spec.source.format:
        more["format"] = spec.source.format
    return spec.model_copy(update=more)


def _in_bytes(tree: Node) -> Node:
    """Return a tree with the capacity in bytes, as libvirt reports it."""
    capacity = tree.child("capacity")
    size = CAPACITY.bytes(capacity.text, capacity.attr("unit")) if capacity else None
    if size is None:
        return tree
    whole = make("capacity", {"unit": "bytes"}, str(size))
    return replace(tree, children=tuple(whole if c is capacity else c for c in tree.children))


def complete(proposed: Node, surroundings: Surroundings) -> Node:
    """Return a definition with a format. Pools that determine the format of their volumes are skipped."""
    if surroundings.plain or proposed.find("target/format") is not None:
        return proposed
    pool = surroundings.lookup(Key("StoragePool", proposed.attr("pool") or ""))
    kind = new_format(proposed.get("name") or "", pool)
    if kind is None:
        return proposed
    target = make("target", children=(make("format", {"type": kind}),))
    return overlay(proposed, Node(ROOT, children=(target,)), RULES)


def cost(removal: Removal) -> Cost:
    """Return the cost of removing a volume: its data is deleted."""
    tree = removal.actual.tree
    sizes = (size_bytes(tree.get(p) or "", tree.get(f"{p}/@unit") or "b") for p in ("capacity", "allocation"))
    capacity, written = (print_size(size) if size is not None else "unknown" for size in sizes)
    where = tree.get("target/path") or removal.actual.key.name
    return Cost(Effect.DATA_LOSS, (f"{where} is deleted (capacity {capacity}, allocated {written})",))


def adopt(actual: Actual) -> dict[str, Any]:
    """Return the fields of a spec for an existing volume, with `xml` for parts that have no field."""
    tree = _with_sparseness(actual.tree)
    for path in _READ_ONLY:
        tree = tree.without(path)
    for path, xml in _DEFAULTS:
        if tree.find(path) == parse(xml):
            tree = tree.without(path)
    if tree.get("backingStore/@volume"):
        tree = tree.without("backingStore/path")
    fields, left = read_fields(VolumeSpec, tree, RULES)
    backing = fields.get("backing")
    if backing:
        backing["volume"] = backing["volume"].removeprefix(f"{fields['pool']}/")
    if not left.is_empty():
        fields["xml"] = to_xml(left)
    return fields


def _with_sparseness(tree: Node) -> Node:
    """Return the tree without its allocation; with an allocation of 0 for a sparse raw volume."""
    sizes = [size_bytes(tree.get(p) or "", tree.get(f"{p}/@unit") or "b") for p in ("allocation", "capacity")]
    bare, (allocation, capacity) = tree.without("allocation"), sizes
    is_raw = tree.get("target/format/@type") == "raw"
    if not is_raw or allocation is None or capacity is None or allocation >= capacity:
        return bare
    return replace(bare, children=(*bare.children, make("allocation", {"unit": "bytes"}, "0")))
