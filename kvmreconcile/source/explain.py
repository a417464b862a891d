"""
Describe a field of a kind, for the command `explain`.

The descriptions come from the models, so they are always up to date.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.kinds.expander import Expander
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.schema.mapping import At, Fragment
from kvmreconcile.source.envelope import envelope
from kvmreconcile.source.fields import fields, models
from kvmreconcile.source.suggestions import advice


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """
    The description of a field.

    Attributes:
        path: The field's path, such as "Domain.spec.disks".
        form: The field's type, in words.
        default: The field's default, in words; "" if the field is required.
        xml: The field's path in libvirt's XML, "" if it has none.
        inner: The fields inside the field.
    """

    path: str
    form: str
    default: str
    description: str
    xml: str
    is_required: bool
    inner: tuple["FieldDescription", ...] = ()


def describe_field(path: str, kinds: Mapping[str, Kind | Expander]) -> FieldDescription:
    """
    Return the description of the field at a path such as "Domain.spec.disks".

    The name of a kind alone stands for the whole document.

    Raises:
        SpecError: There is no such kind or field.
    """
    name, *steps = re.sub(r"\[\d*\]", "", path).split(".")
    if name not in kinds:
        raise SpecError([Problem(path, f"unknown kind '{name}'", advice(name, kinds))])
    kind = kinds[name]
    where, xml = name, _root(kind)
    inside: list[type[BaseModel]] = [envelope(kind)]
    info: FieldInfo | None = None
    for step in steps:
        known = {n: found for model in inside for n, found in fields(model).items()}
        if step not in known:
            todo = advice(step, known) or f"{where} has no fields of its own"
            raise SpecError([Problem(path, f"there is no field '{step}' in {where}", todo)])
        info = known[step]
        xml = _xml(xml, info, is_spec=where == name and step == "spec")
        where, inside = f"{where}.{step}", list(models(info.annotation))
    # Only the field and the fields inside it are described, because describing a field is slow.
    inner = _inner(where, inside, xml)
    if info is None:
        return FieldDescription(name, "object", "", _summary(kind.spec), _root(kind), True, inner)
    return _describe(where, info, xml, inner)


def _root(kind: Kind | Expander) -> str:
    """Return the root element of a kind's XML, "" for a kind that has none."""
    return kind.root if isinstance(kind, Kind) else ""


def overview(kinds: Mapping[str, Kind | Expander]) -> Iterator[tuple[str, str]]:
    """Yield the name and the summary of each kind."""
    for name, kind in kinds.items():
        yield name, _summary(kind.spec)


def _inner(path: str, inside: list[type[BaseModel]], xml: str) -> tuple[FieldDescription, ...]:
    found = {name: info for model in inside for name, info in fields(model).items()}
    return tuple(_describe(f"{path}.{n}", info, _xml(xml, info), ()) for n, info in found.items())


def _describe(path: str, info: FieldInfo, xml: str, inner: tuple[FieldDescription, ...]) -> FieldDescription:
    schema = TypeAdapter(info.rebuild_annotation()).json_schema()
    description = info.description or ""
    form = _form(schema, schema.get("$defs", {}))
    return FieldDescription(
        path, form, _default(info, description), description, xml, info.is_required(), inner
    )


def _xml(parent: str, info: FieldInfo, *, is_spec: bool = False) -> str:
    """
    Return the path of a field in XML, or "" if the field or its parent has none.

    Args:
        parent: The path of the field's parent in XML.
    """
    place = next((m for m in info.metadata if isinstance(m, At)), None)
    if is_spec or any(isinstance(m, Fragment) for m in info.metadata):
        return parent
    return "/".join(filter(None, (parent, place.path))) if place and parent else ""


def _default(info: FieldInfo, description: str) -> str:
    if info.is_required():
        return ""
    if found := re.search(r"[Dd]efaults to (.+?)\.?$", description, re.DOTALL):
        return found[1]
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "none"
    plain = TypeAdapter(info.rebuild_annotation()).dump_python(value, mode="json", by_alias=True)
    return json.dumps(plain)


_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


def _form(schema: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """Describe a JSON Schema in words."""
    if "$ref" in schema:
        return _form(named[str(schema["$ref"]).rpartition("/")[2]], named)
    if "const" in schema or "enum" in schema:
        words = schema.get("enum", [schema.get("const")])
        return " | ".join(word if isinstance(word, str) else json.dumps(word) for word in words)
    if choices := schema.get("anyOf", schema.get("oneOf")):
        words = dict.fromkeys(_form(c, named) for c in choices if c.get("type") != "null")
        return " or ".join(words)
    inner = schema.get("items", schema.get("additionalProperties"))
    if isinstance(inner, Mapping):
        entry = _form(inner, named)
        entry = f"({entry})" if " or " in entry else entry
        return f"{'list' if 'items' in schema else 'mapping'} of {entry}"
    word = str(schema.get("type", "anything"))
    return _WORDS.get(word, word) + _range(schema)


def _range(schema: Mapping[str, Any]) -> str:
    if "examples" in schema:
        return f' such as "{schema["examples"][0]}"'
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" from {low}" if low is not None else f" up to {high}" if high is not None else ""


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n")[0]
