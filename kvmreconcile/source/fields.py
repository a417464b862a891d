"""Find fields of pydantic models by their paths in YAML."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from kvmreconcile.schema.mapping import At, Fragment


def fields(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """
    Return a model's fields by their names in YAML, in the order of the documentation.

    In this order, `xml` is the last field.
    """
    found = [(info.alias or name, info) for name, info in model.model_fields.items()]
    return dict(sorted(found, key=lambda each: any(isinstance(note, Fragment) for note in each[1].metadata)))


def is_secret(info: FieldInfo) -> bool:
    """Return whether a field's value is secret."""
    return SecretStr in (info.annotation, *get_args(info.annotation))


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models inside an annotation such as `list[Disk] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def fields_at(start: Iterable[type[BaseModel]], steps: Iterable[str | int]) -> Mapping[str, FieldInfo]:
    """
    Return the fields at a path below the given models.

    Args:
        start: The models in which the path starts.
        steps: The path. Numbers, which stand for entries of a list, are skipped.
    """
    found = {name: info for model in start for name, info in fields(model).items()}
    for step in steps:
        if isinstance(step, str):
            inner = models(found[step].annotation) if step in found else ()
            found = {name: info for model in inner for name, info in fields(model).items()}
    return found


def fields_with_xml_name(word: str, among: Mapping[str, FieldInfo]) -> tuple[str, ...]:
    """
    Return the fields that map to an XML element of the given name, such as "mode" for "forward".

    The name may be the element's tag or its plural.
    """
    words = {word, word.removesuffix("s")}
    return tuple(name for name, info in among.items() if words & set(_tags(info)))


def _tags(info: FieldInfo) -> Iterator[str]:
    for place in info.metadata:
        if isinstance(place, At):
            yield from place.path.split("/")
