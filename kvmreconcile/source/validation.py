"""
Turn pydantic's errors into faults: in plain words, at the line and column that is wrong.

Separate from checking, because it is mostly a table, and because no message may ever repeat a value that
could be a secret: only names of fields and words meant to be one of a list are shown.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kvmreconcile.model import Source
from kvmreconcile.source.fields import fields_with_xml_name, is_secret, known
from kvmreconcile.source.located import LocatedValue
from kvmreconcile.source.patterns import form
from kvmreconcile.source.problem import LocatedProblem, shown
from kvmreconcile.source.suggestions import listed, nearest

_SHAPES = {
    "string": ("text", "write it in quotes"),
    "int": ("a whole number", "write a whole number, without unit or quotes"),
    "float": ("a number", "write a number, without unit or quotes"),
    "bool": ("true or false", "write true or false, without quotes"),
    "list": ("a list", "start each entry on a line of its own with '- '"),
    "model": ("a mapping of fields", "write its fields below it, indented and without '- '"),
    "dict": ("a mapping", "write 'name: value' lines below it, indented"),
}
"""What is expected, by how the names of pydantic's errors start."""

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

_IS_SHAPE = re.compile(rf"({'|'.join(_SHAPES)})_(?:type|parsing|from|sub_type|attributes)")


@dataclass(frozen=True, slots=True)
class _Error:
    """
    One of pydantic's errors, at its place.

    Attributes:
        steps: The path to the value; a name that is missing or unknown is in `name` instead.
        branch: Where a choice between several types began, and which of them this is about.
    """

    type: str
    context: Mapping[str, Any]
    message: str
    steps: tuple[str | int, ...]
    item: LocatedValue
    source: Source
    name: str = ""
    branch: tuple[tuple[str | int, ...], str] | None = None

    @property
    def shape(self) -> str | None:
        """What the value should have been, where it is of another shape altogether."""
        found = _IS_SHAPE.match(self.type)
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a document should have been: the model of its kind."""

    model: type[BaseModel]
    kind: str

    def field(self, steps: tuple[str | int, ...]) -> FieldInfo | None:
        """Return the field at a path, None where the path ends in no field."""
        return known([self.model], steps[:-1]).get(str(steps[-1])) if steps else None

    def hint(self, steps: tuple[str | int, ...]) -> str:
        """Name the command that explains a field."""
        if not self.kind:
            kinds = "see 'kvmreconcile explain' for the kinds"
            return (
                kinds
                if steps[-1:] == ("kind",)
                else f"{kinds}, and 'kvmreconcile explain KIND' for the fields of one"
            )
        return f"see 'kvmreconcile explain {'.'.join([self.kind, *self._fields(steps)])}'"

    def _fields(self, steps: tuple[str | int, ...]) -> tuple[str, ...]:
        """Return the fields on a path, up to the first name that is a key of the user's own mapping."""
        names: tuple[str, ...] = ()
        for step in steps:
            if isinstance(step, str):
                if step not in known([self.model], names):
                    break
                names = (*names, step)
        return names


def describe_errors(
    error: ValidationError, root: LocatedValue, model: type[BaseModel], kind: str
) -> Iterator[LocatedProblem]:
    """Yield what a document's validation found, in plain words."""
    found = [_locate(e, root) for e in error.errors(include_url=False, include_input=False)]
    for wrong in _without_other_branches([*_without_copies(found)]):
        yield LocatedProblem(wrong.source, *_words(wrong, _Ground(model, kind)))


def format_path(steps: tuple[str | int, ...]) -> str:
    """Write a path as people do: spec.disks[0].bus."""
    return "".join(f"[{s}]" if isinstance(s, int) else f".{shown(s)}" for s in steps).lstrip(".")


def _locate(error: Mapping[str, Any], root: LocatedValue) -> _Error:
    """Find the value that an error is about; pydantic's path also names types, which lead nowhere."""
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
                branch = branch or (tuple(steps), str(step))
                continue
        steps.append(step)
    if error["type"] == "extra_forbidden":
        name = str(steps.pop())
    else:
        source = item.source
        name = str(error["loc"][-1]) if error["type"] == "missing" else ""
    return _Error(error["type"], error.get("ctx", {}), error["msg"], tuple(steps), item, source, name, branch)


def _without_copies(errors: list[_Error]) -> Iterator[_Error]:
    """Leave out what is wrong only in a field that the model fills in from another field."""
    wrong = {e.steps[:-1] for e in errors if e.branch is None and e.steps}
    yield from (e for e in errors if not (e.branch and e.shape and e.branch[0] in wrong))


def _without_other_branches(errors: list[_Error]) -> Iterator[_Error]:
    """Leave out what is wrong only by the types that a value with a choice was not meant to be of."""
    choices: dict[object, list[_Error]] = {}
    for error in errors:
        choices.setdefault(error.branch and error.branch[0], []).append(error)
    for error in errors:
        if error.branch is None:
            yield error
            continue
        rivals = choices[error.branch[0]]
        fitting = [r for r in rivals if not (r.shape and r.steps == error.branch[0])]
        if _is_about_a_word(rivals):
            yield from (_one_of(rivals),) if error is rivals[0] else ()
        elif fitting:
            labels = [r.branch[1] for r in fitting if r.branch]
            if error.branch[1] == min(labels, key=labels.count):
                yield error
        elif error is rivals[0]:
            yield _merged(rivals)


def _is_about_a_word(rivals: list[_Error]) -> bool:
    """Tell whether a value itself is wrong by all types that it could be of, one of them a list of words."""
    is_whole = all(r.branch and r.steps == r.branch[0] for r in rivals)
    return is_whole and any(r.type == "literal_error" for r in rivals)


def _one_of(rivals: list[_Error]) -> _Error:
    """Return one error that names every word and type that a value could have been."""
    literals = [r for r in rivals if r.type == "literal_error"]
    words = ", ".join(str(r.context["expected"]) for r in literals)
    if formed := next((r for r in rivals if r not in literals and not r.shape), None):
        return replace(formed, context={**formed.context, "also": words})
    shapes = dict.fromkeys(_SHAPES[r.shape][0] for r in rivals if r.shape)
    return replace(literals[0], context={"expected": words, "shapes": (*shapes,)})


def _merged(rivals: list[_Error]) -> _Error:
    """Return one error that names every type a value could have been of."""
    shapes = dict.fromkeys(_SHAPES[r.shape][0] for r in rivals if r.shape)
    first = rivals[0]
    return _Error("choice", {"shapes": " or ".join(shapes)}, "", first.steps, first.item, first.source)


def _words(error: _Error, ground: _Ground) -> tuple[str, str]:
    """Say what is wrong and what to do about it."""
    if "also" in error.context and error.item.value != "":
        context = {name: value for name, value in error.context.items() if name != "also"}
        what, todo = _words(replace(error, context=context), ground)
        return f"{what}, or {' or '.join(_options(str(error.context['also'])))}", todo
    field, hint = format_path(error.steps) or "the document", ground.hint(error.steps)
    if error.context.get("min_length") == 1:
        return f"{field} is empty, and must not be", hint
    if error.type in _LIMITS:
        return f"{field} {_LIMITS[error.type].format(**error.context)}", hint
    if error.type in _WORDS:
        return _WORDS[error.type](error, field, ground)
    if error.shape:
        return _shape(error, field, ground)
    return f"{field}: {error.message[:1].lower()}{error.message[1:]}", hint


def _missing(error: _Error, field: str, ground: _Ground) -> tuple[str, str]:
    return f"{field} lacks the field '{error.name}'", f"add it, {ground.hint((*error.steps, error.name))}"


def _unknown(error: _Error, field: str, ground: _Ground) -> tuple[str, str]:
    what = f"unknown field '{shown(error.name)}' in {field}"
    here = known([ground.model], error.steps)
    if found := nearest(error.name, here):
        return what, f"did you mean '{found}'?"
    if fields := fields_with_xml_name(error.name, here):
        return what, f"use instead: {listed(fields)}"
    for parent in ("spec", "metadata"):
        if error.steps != (parent,) and error.name in known([ground.model], [parent]):
            return what, f"move it below '{parent}', which has a field of that name, or remove it"
    if any(map(is_secret, here.values())):
        # In a password that is not quoted, the text after a comma looks like a field.
        todo = f"remove it, or {ground.hint(error.steps)}; if a password has a comma, put it in quotes"
        return f"unknown field in {field}", todo
    return what, f"remove it, or {ground.hint(error.steps)}"


def _choice(error: _Error, field: str, ground: _Ground) -> tuple[str, str]:
    expected = str(error.context.get("expected", error.context.get("expected_tags")))
    options, others = _options(expected), tuple(error.context.get("shapes", ()))
    available = f"available: {listed([*options, *others])}"
    available += f"; {ground.hint(error.steps)}" if others else ""
    is_number = "'" not in expected and any(option.isdigit() for option in options)
    shapes: tuple[type, ...] = (int, float) if is_number else (str, int, float)
    value = error.item.value
    if not isinstance(value, shapes):
        shape = "a number" if is_number else options[0] if len(options) == 1 else "a word"
        return f"{field} should be {' or '.join((shape, *others))}, not {_actual(error.item)}", available
    word = str(value).lower() if isinstance(value, bool) else str(value)
    if word in options and isinstance(value, str):
        return f"{field} should be {word}, not text", "write it without quotes"
    if word in options:
        shape, todo = _SHAPES["string"]
        return f"{field} should be {shape}, not {_actual(error.item)}", todo
    found = nearest(word, options)
    return f"unknown value '{shown(word)}' of {field}", f"did you mean '{found}'?" if found else available


def _options(expected: str) -> list[str]:
    """Return the values that pydantic lists, as they are in YAML."""
    found = re.findall(r"'([^']*)'|([0-9]+)|(True|False)", expected)
    return [word or number or flag.lower() for word, number, flag in found]


def _form(error: _Error, field: str, ground: _Ground) -> tuple[str, str]:
    if error.item.value == "":
        return f"{field} is empty, and must not be", ground.hint(error.steps)
    return f"{field} {form(str(error.context.get('pattern')))}", ground.hint(error.steps)


def _shapes(error: _Error, field: str, ground: _Ground) -> tuple[str, str]:
    what = f"{field} should be {error.context['shapes']}, not {_actual(error.item)}"
    return what, ground.hint(error.steps)


def _shape(error: _Error, field: str, ground: _Ground) -> tuple[str, str]:
    shape, todo = _SHAPES[error.shape or "string"]
    if error.shape == "string" and isinstance(error.item.value, Mapping | tuple):
        todo = "write a single text, in quotes"
    if error.shape in ("model", "dict") and error.steps and isinstance(error.steps[-1], int):
        todo = "write its fields as 'name: value' lines, the first one after '- '"
    if error.steps == ("kind",):
        todo = ground.hint(error.steps)
    elif error.item.value is None:
        info = ground.field(error.steps)
        todo = "give it a value" + ("" if info and info.is_required() else ", or remove it")
    if error.item.value is None:
        return f"{field} is empty, and should be {shape}", todo
    return f"{field} should be {shape}, not {_actual(error.item)}", todo


def _own(error: _Error, field: str, ground: _Ground) -> tuple[str, str]:
    return f"{field}: {error.context['error']}", ground.hint(error.steps)


_WORDS: Mapping[str, Callable[[_Error, str, _Ground], tuple[str, str]]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "literal_error": _choice,
    "enum": _choice,
    "union_tag_invalid": _choice,
    "choice": _shapes,
    "string_pattern_mismatch": _form,
    "value_error": _own,
    "assertion_error": _own,
}
"""How each of pydantic's errors reads."""


def _actual(item: LocatedValue) -> str:
    """Say what a value is, and never the value itself."""
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
