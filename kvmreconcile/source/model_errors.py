"""Locate pydantic's errors in a document, and omit errors that only result from other errors."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from kvmreconcile.model import Source
from kvmreconcile.model.located import LocatedValue

SHAPES = {
    "string": ("text", "write it in quotes"),
    "int": ("a whole number", "write a whole number, without unit or quotes"),
    "float": ("a number", "write a number, without unit or quotes"),
    "bool": ("true or false", "write true or false, without quotes"),
    "list": ("a list", "start each entry on a line of its own with '- '"),
    "model": ("a mapping of fields", "write the fields on indented lines below, without '- '"),
    "dict": ("a mapping", "write indented 'name: value' lines below"),
}
"""
Descriptions of expected values and how to write them.

The keys are the first words of pydantic's error types.
"""
_IS_SHAPE = re.compile(rf"({'|'.join(SHAPES)})_(?:type|parsing|from|sub_type|attributes)")


@dataclass(frozen=True, slots=True)
class Branch:
    """
    One of the types that a value may have.

    Attributes:
        steps: The path to the value.
        name: Pydantic's name of the type.
    """

    steps: tuple[str | int, ...]
    name: str


@dataclass(frozen=True, slots=True)
class ModelError:
    """
    An error from pydantic, with its place in the document.

    Attributes:
        type: Pydantic's type of the error.
        context: Pydantic's details of the error.
        steps: The path to the value, without a missing or unknown field name.
        item: The value.
        source: The place to report.
        name: The missing or unknown field name, "" for other errors.
        branch: The type for which pydantic reports the error, if the value may have several types;
            otherwise None.
    """

    type: str
    context: Mapping[str, Any]
    message: str
    steps: tuple[str | int, ...]
    item: LocatedValue
    source: Source
    name: str = ""
    branch: Branch | None = None

    @property
    def shape(self) -> str | None:
        """The expected shape (a key of SHAPES) if the value has another shape; otherwise None."""
        found = _IS_SHAPE.match(self.type)
        return found[1] if found else None


def locate_errors(error: ValidationError, root: LocatedValue) -> Iterator[ModelError]:
    """Yield the errors of a document, without errors that only result from other errors."""
    found = [_locate(e, root) for e in error.errors(include_url=False, include_input=False)]
    yield from _without_other_branches([*_without_copies(found)])


def _locate(error: Mapping[str, Any], root: LocatedValue) -> ModelError:
    """
    Find the value of an error.

    Pydantic's path also contains names of types, which are not part of the path in the document.
    """
    steps: list[str | int] = []
    item, source, branch = root, root.source, None
    loc = error["loc"][:-1] if error["type"] == "missing" else error["loc"]
    for step in loc:
        match item.value:
            case Mapping() if step in item.value:
                entry = item.value[step]
                source, item = entry.source, entry.item
            case tuple() if isinstance(step, int) and step < len(item.value):
                item = item.value[step]
                source = item.source
            case _:
                branch = branch or Branch(tuple(steps), str(step))
                continue
        steps.append(step)
    if error["type"] == "extra_forbidden":
        name = str(steps.pop())
    else:
        source = item.source
        name = str(error["loc"][-1]) if error["type"] == "missing" else ""
    context = error.get("ctx", {})
    return ModelError(error["type"], context, error["msg"], tuple(steps), item, source, name, branch)


def _without_copies(errors: list[ModelError]) -> Iterator[ModelError]:
    """Omit errors that a model repeats because it copies a field's value to another field."""
    wrong = {e.steps[:-1] for e in errors if e.branch is None and e.steps}
    yield from (e for e in errors if not (e.branch and e.shape and e.branch.steps in wrong))


def _without_other_branches(errors: list[ModelError]) -> Iterator[ModelError]:
    """Omit the errors of unintended types for values that may have several types."""
    choices: dict[object, list[ModelError]] = {}
    for error in errors:
        choices.setdefault(error.branch and error.branch.steps, []).append(error)
    for error in errors:
        if error.branch is None:
            yield error
            continue
        rivals = choices[error.branch.steps]
        fitting = [r for r in rivals if not (r.shape and r.steps == error.branch.steps)]
        if _is_about_a_word(rivals):
            yield from (_merge_words(rivals),) if error is rivals[0] else ()
        elif fitting:
            labels = [r.branch.name for r in fitting if r.branch]
            if error.branch.name == min(labels, key=labels.count):
                yield error
        elif error is rivals[0]:
            yield _merge_shapes(rivals)


def _is_about_a_word(rivals: list[ModelError]) -> bool:
    """Return whether a value is invalid for all of its types, and one type is a list of words."""
    is_whole = all(r.branch and r.steps == r.branch.steps for r in rivals)
    return is_whole and any(r.type == "literal_error" for r in rivals)


def _merge_words(rivals: list[ModelError]) -> ModelError:
    """Return one error that names every allowed word and type."""
    literals = [r for r in rivals if r.type == "literal_error"]
    words = ", ".join(str(r.context["expected"]) for r in literals)
    if formed := next((r for r in rivals if r not in literals and not r.shape), None):
        return replace(formed, context={**formed.context, "also": words})
    shapes = dict.fromkeys(SHAPES[r.shape][0] for r in rivals if r.shape)
    return replace(literals[0], context={"expected": words, "shapes": (*shapes,)})


def _merge_shapes(rivals: list[ModelError]) -> ModelError:
    """Return one error that names every allowed type."""
    shapes = dict.fromkeys(SHAPES[r.shape][0] for r in rivals if r.shape)
    first = rivals[0]
    return ModelError("choice", {"shapes": " or ".join(shapes)}, "", first.steps, first.item, first.source)
