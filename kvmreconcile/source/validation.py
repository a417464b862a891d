"""
Report pydantic's errors as problems in plain words, at the line and column of the error.

Messages must not repeat a value that could be a secret. They contain only field names, and values
of fields that accept a fixed list of words.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kvmreconcile.model.located import LocatedValue
from kvmreconcile.source.fields import fields_at, fields_with_xml_name, is_secret
from kvmreconcile.source.model_errors import SHAPES, ModelError, locate_errors
from kvmreconcile.source.patterns import describe_pattern
from kvmreconcile.source.problem import LocatedProblem, printable
from kvmreconcile.source.suggestions import join_words, nearest

_LIMITS = {
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "multiple_of": "should be a multiple of {multiple_of}",
    "string_too_short": "should have at least {min_length} characters",
    "string_too_long": "should have at most {max_length} characters",
    "too_short": "should have at least {min_length} entries",
    "too_long": "should have at most {max_length} entries",
    "finite_number": "should be a finite number",
}


@dataclass(frozen=True, slots=True)
class _KindModel:
    """
    The model of a document's kind.

    Attributes:
        kind: The name of the kind; "" if the document's kind is unknown.
    """

    model: type[BaseModel]
    kind: str

    def field(self, steps: tuple[str | int, ...]) -> FieldInfo | None:
        """Return the field at a path, or None if there is no such field."""
        return fields_at([self.model], steps[:-1]).get(str(steps[-1])) if steps else None

    def hint(self, steps: tuple[str | int, ...]) -> str:
        """Return the advice to run the command that explains a field."""
        if not self.kind:
            kinds = "see 'kvmreconcile explain' for the kinds"
            return (
                kinds
                if steps[-1:] == ("kind",)
                else f"{kinds}, and 'kvmreconcile explain KIND' for the fields of a kind"
            )
        return f"see 'kvmreconcile explain {'.'.join([self.kind, *self._fields(steps)])}'"

    def _fields(self, steps: tuple[str | int, ...]) -> tuple[str, ...]:
        """Return the field names on a path, up to the first key that users choose."""
        names: tuple[str, ...] = ()
        for step in steps:
            if isinstance(step, str):
                if step not in fields_at([self.model], names):
                    break
                names = (*names, step)
        return names


def describe_errors(
    error: ValidationError, root: LocatedValue, model: type[BaseModel], kind: str
) -> Iterator[LocatedProblem]:
    """
    Yield the problems that the validation of a document found.

    Args:
        root: The document.
        model: The model of the whole document.
        kind: The name of the kind, "" if unknown.
    """
    for each in locate_errors(error, root):
        yield LocatedProblem(each.source, *_describe(each, _KindModel(model, kind)))


def format_path(steps: tuple[str | int, ...]) -> str:
    """Return a path as text, such as spec.disks[0].bus."""
    return "".join(f"[{s}]" if isinstance(s, int) else f".{printable(s)}" for s in steps).lstrip(".")


def _describe(error: ModelError, kind_model: _KindModel) -> tuple[str, str]:
    """Return what is wrong and how to fix it."""
    if "also" in error.context and error.item.value != "":
        context = {name: value for name, value in error.context.items() if name != "also"}
        what, todo = _describe(replace(error, context=context), kind_model)
        return f"{what}, or {' or '.join(_options(str(error.context['also'])))}", todo
    field, hint = format_path(error.steps) or "the document", kind_model.hint(error.steps)
    if error.context.get("min_length") == 1:
        return f"{field} must not be empty", hint
    if error.type in _LIMITS:
        return f"{field} {_LIMITS[error.type].format(**error.context)}", hint
    if error.type in _DESCRIBE:
        return _DESCRIBE[error.type](error, field, kind_model)
    if error.shape:
        return _describe_shape(error, field, kind_model)
    return f"{field}: {error.message[:1].lower()}{error.message[1:]}", hint


def _describe_missing(error: ModelError, field: str, kind_model: _KindModel) -> tuple[str, str]:
    return (
        f"{field} lacks the field '{error.name}'",
        f"add the field; {kind_model.hint((*error.steps, error.name))}",
    )


def _describe_unknown(error: ModelError, field: str, kind_model: _KindModel) -> tuple[str, str]:
    what = f"unknown field '{printable(error.name)}' in {field}"
    here = fields_at([kind_model.model], error.steps)
    if found := nearest(error.name, here):
        return what, f"did you mean '{found}'?"
    if fields := fields_with_xml_name(error.name, here):
        return what, f"use instead: {join_words(fields)}"
    for parent in ("spec", "metadata"):
        if error.steps != (parent,) and error.name in fields_at([kind_model.model], [parent]):
            return what, f"move the field below '{parent}', which has a field of that name, or remove it"
    if any(map(is_secret, here.values())):
        # If a password with a comma is not quoted, the text after the comma looks like a field.
        todo = f"remove it, or {kind_model.hint(error.steps)}; a password that contains a comma must be in quotes"
        return f"unknown field in {field}", todo
    return what, f"remove it, or {kind_model.hint(error.steps)}"


def _describe_choice(error: ModelError, field: str, kind_model: _KindModel) -> tuple[str, str]:
    expected = str(error.context.get("expected", error.context.get("expected_tags")))
    options, others = _options(expected), tuple(error.context.get("shapes", ()))
    available = f"available: {join_words([*options, *others])}"
    available += f"; {kind_model.hint(error.steps)}" if others else ""
    is_number = "'" not in expected and any(option.isdigit() for option in options)
    shapes: tuple[type, ...] = (int, float) if is_number else (str, int, float)
    value = error.item.value
    if not isinstance(value, shapes):
        shape = "a number" if is_number else options[0] if len(options) == 1 else "a word"
        return f"{field} should be {' or '.join((shape, *others))}, not {_sort_of(error.item)}", available
    word = str(value).lower() if isinstance(value, bool) else str(value)
    if word in options and isinstance(value, str):
        return f"{field} should be {word}, not text", "write it without quotes"
    if word in options:
        shape, todo = SHAPES["string"]
        return f"{field} should be {shape}, not {_sort_of(error.item)}", todo
    found = nearest(word, options)
    return f"unknown value '{printable(word)}' of {field}", f"did you mean '{found}'?" if found else available


def _options(expected: str) -> list[str]:
    """Return the values that pydantic lists in an error, as written in YAML."""
    found = re.findall(r"'([^']*)'|([0-9]+)|(True|False)", expected)
    return [word or number or flag.lower() for word, number, flag in found]


def _describe_form(error: ModelError, field: str, kind_model: _KindModel) -> tuple[str, str]:
    if error.item.value == "":
        return f"{field} must not be empty", kind_model.hint(error.steps)
    return f"{field} {describe_pattern(str(error.context.get('pattern')))}", kind_model.hint(error.steps)


def _describe_shapes(error: ModelError, field: str, kind_model: _KindModel) -> tuple[str, str]:
    what = f"{field} should be {error.context['shapes']}, not {_sort_of(error.item)}"
    return what, kind_model.hint(error.steps)


def _describe_shape(error: ModelError, field: str, kind_model: _KindModel) -> tuple[str, str]:
    shape, todo = SHAPES[error.shape or "string"]
    if error.shape == "string" and isinstance(error.item.value, Mapping | tuple):
        todo = "write a single text, in quotes"
    if error.shape in ("model", "dict") and error.steps and isinstance(error.steps[-1], int):
        todo = "write the fields as 'name: value' lines, the first one after '- '"
    if error.steps == ("kind",):
        todo = kind_model.hint(error.steps)
    elif error.item.value is None:
        info = kind_model.field(error.steps)
        todo = "set a value" + ("" if info and info.is_required() else ", or remove it")
    if error.item.value is None:
        return f"{field} is empty, but should be {shape}", todo
    return f"{field} should be {shape}, not {_sort_of(error.item)}", todo


def _describe_own(error: ModelError, field: str, kind_model: _KindModel) -> tuple[str, str]:
    return f"{field}: {error.context['error']}", kind_model.hint(error.steps)


_DESCRIBE: Mapping[str, Callable[[ModelError, str, _KindModel], tuple[str, str]]] = {
    "missing": _describe_missing,
    "extra_forbidden": _describe_unknown,
    "literal_error": _describe_choice,
    "enum": _describe_choice,
    "union_tag_invalid": _describe_choice,
    "choice": _describe_shapes,
    "string_pattern_mismatch": _describe_form,
    "value_error": _describe_own,
    "assertion_error": _describe_own,
}
"""Functions that describe errors, by pydantic's type of the error."""


def _sort_of(item: LocatedValue) -> str:
    """Return the type of a value in words, without the value, which may be secret."""
    return next(word for shape, word in _ACTUAL if isinstance(item.value, shape))


_ACTUAL: tuple[tuple[type, str], ...] = (
    (type(None), "empty"),
    (bool, "true or false"),
    (int, "a number"),
    (float, "a fraction"),
    (str, "text"),
    (tuple, "a list"),
    (object, "a mapping"),
)
