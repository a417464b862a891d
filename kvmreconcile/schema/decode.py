"""Read the fields of a spec from a tree, and return the rest of the tree that no field covers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from kvmreconcile.schema.codecs import ElementBuilder
from kvmreconcile.schema.collections import CollectionCodec
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At, mapped_fields
from kvmreconcile.schema.omit_defaults import drop, drop_all, replace_rest
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.tree import Node, Owner, Rules, brief, overlay
from kvmreconcile.tree.paths import under
from kvmreconcile.tree.rules import labels


@dataclass(frozen=True, slots=True)
class _Scope:
    """The rules of a kind, and the path of the element that is read."""

    rules: Rules
    path: str


def read_fields(
    model: type[BaseModel], node: Node, rules: Rules, path: str = ""
) -> tuple[dict[str, Any], Node]:
    """
    Read the fields of a spec from an element.

    Returns:
        First the fields that could be read, as in YAML. Second the rest of the element that no field
        covers. A section with a field `xml` covers its whole element. The rest of a list member contains
        the values that identify the member.
    """
    values: dict[str, Any] = {}
    for name, place in mapped_fields(model):
        if any(node.get(where) != text for where, text in place.also):
            continue
        found, node = _read_field(model, name, place, node, _Scope(rules, path))
        if found is not None:
            values[model.model_fields[name].alias or name] = found
            for where, _text in place.also:
                node = drop(node, where)
    return values, node


def _read_field(model: type[BaseModel], name: str, place: At, node: Node, scope: _Scope) -> tuple[Any, Node]:
    """Read one field as a plain value if possible, otherwise as a section or a list of sections."""
    forms = tuple(_forms(model.model_fields[name].annotation))
    lists = (
        () if isinstance(place.codec, CollectionCodec) else tuple(f for f in forms if get_origin(f) is list)
    )
    parts = tuple(f for f in forms if _is_model(f))
    are_several = len(tuple(node.all(place.path))) > 1
    if len(lists) + len(parts) < len(forms) and not (lists and are_several):
        found, covered = place.codec.take(node, place.path)
        if found is not None and _fits(model, name, found):
            return found, covered if isinstance(covered, Node) else drop_all(node, covered)
    for form in lists if are_several or not parts else ():
        return _read_list(get_args(form)[0], place, node, scope)
    for form in parts:
        return _read_model(form, place, node, scope)
    return None, node


def _read_model(inner: type[BaseModel], place: At, node: Node, scope: _Scope) -> tuple[Any, Node]:
    element = node.find(place.path)
    if element is None:
        return None, node
    values, left = read_fields(inner, element, scope.rules, _join(scope.path, place.path))
    if issubclass(inner, Element):
        if len(tuple(node.all(place.path))) > 1:
            # A fragment cannot identify one of several elements.
            return None, node
        values, left = _with_xml(inner, values, left, element)
    if not values or not _is_valid(inner, values):
        return None, node
    return _brief(inner, values), replace_rest(
        node, place.path.split("/") if place.path else [], element, left
    )


def _with_xml(
    part: type[Element], values: dict[str, Any], left: Node, element: Node
) -> tuple[dict[str, Any], Node]:
    """Put the rest of an element into `xml`, or the whole element if the fields are invalid."""
    whole = values if left.is_empty() else {**values, "xml": brief(left)}
    return whole if _is_valid(part, whole) else {"xml": brief(element)}, Node(element.tag)


def _read_list(inner: Any, place: At, node: Node, scope: _Scope) -> tuple[Any, Node]:
    element, _, leaf = place.path.partition("/@")
    rules, path = scope.rules, _join(scope.path, element)
    found: list[Any] = []
    rest = node
    for item in tuple(node.all(element)):
        if not _is_model(inner):
            value, _ = place.codec.take(item, f"@{leaf}" if leaf else "")
            left = drop(item, f"@{leaf}" if leaf else "")
            readable = value is not None and left.is_empty()
        else:
            value, left = read_fields(inner, item, rules, path)
            if issubclass(inner, Element):
                value, left = _with_xml(inner, value, left, item)
            left = _with_identity(left, item, rules, path)
            members = rules.members.get(path)
            readable = bool(value) and _is_valid(inner, value)
            readable &= left.is_empty() or next(labels(item, members), None) is not None
        if readable:
            found.append(_brief(inner, value) if _is_model(inner) else value)
            rest = replace_rest(rest, element.split("/"), item, left)
    members = rules.members.get(path)
    if members and members.owner is Owner.ORDERED and len(found) < len(tuple(node.all(element))):
        # The order matters, and a fragment cannot place an element between two entries.
        return None, node
    return found or None, rest


def _with_identity(left: Node, whole: Node, rules: Rules, path: str) -> Node:
    """Return the rest of a list member; if it is not empty, add the values that identify the member."""
    members = rules.members.get(path)
    if left.is_empty() or members is None:
        return left
    for key in members.keys:
        values = [(part, whole.get(part)) for part in key]
        if all(v is not None for _, v in values):
            builder = ElementBuilder(whole.tag)
            for part, value in values:
                builder.put(part, value or "")
            return overlay(left, builder.done(Rules()), Rules())
    return left


def _fits(model: type[BaseModel], name: str, value: Any) -> bool:
    """Return whether a field accepts a value."""
    try:
        _adapter(model, name).validate_python(value)
    except ValidationError:
        return False
    return True


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    annotation: Any = info.annotation
    return TypeAdapter(Annotated[(annotation, *info.metadata)])


def _is_valid(model: type[BaseModel], values: dict[str, Any]) -> bool:
    try:
        model.model_validate(values)
    except ValidationError:
        return False
    return True


def _brief(model: type[BaseModel], values: dict[str, Any]) -> Any:
    """Return fields in the shorthand form if the section allows it."""
    return model.brief(values) if issubclass(model, Shorthand) else values


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _forms(annotation: Any) -> Iterator[Any]:
    """Yield the types in an annotation such as `bool | list[Annotated[Disk, ...]] | None`, except None."""
    if get_origin(annotation) in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _forms(inner)
    elif get_origin(annotation) is Annotated:
        yield from _forms(get_args(annotation)[0])
    elif annotation is not type(None):
        yield annotation


def _join(path: str, tags: str) -> str:
    for tag in tags.split("/") if tags else ():
        path = under(path, tag)
    return path
