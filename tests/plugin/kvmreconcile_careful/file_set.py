"""A document that generates several files with the same content."""

from typing import Annotated, cast

from pydantic import Field

from kvmreconcile.kinds.expander import Expander, Expansion, Facts, LocatedValue, OwnerDocument, Spec
from kvmreconcile.model.located import find_value, mapping


class FileSetSpec(Spec):
    """Several files with the same content."""

    names: Annotated[list[str], Field(description="The names of the files.")]
    content: Annotated[str, Field(description="The text of each file.")]


def expand(document: OwnerDocument, _facts: Facts) -> Expansion:
    """Return the document of each file."""
    spec, item = cast("FileSetSpec", document.spec), document.item
    content = find_value(item, "spec", "content") or item
    return Expansion(tuple(_document(item, name, content) for name in spec.names))


def _document(item: LocatedValue, name: str, content: LocatedValue) -> LocatedValue:
    source = item.source
    fields = {
        "apiVersion": LocatedValue(source, "kvmreconcile/v1"),
        "kind": LocatedValue(source, "HostFile"),
        "metadata": mapping(source, {"name": LocatedValue(source, name)}),
        "spec": mapping(source, {"content": content}),
    }
    return mapping(source, fields)


EXPANDER = Expander(name="FileSet", spec=FileSetSpec, expand=expand)
