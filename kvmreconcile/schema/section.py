"""Define the base model of all sections in specs and settings."""

import re
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(f"([0-9]{{1,20}}(?:[.][0-9]{{0,20}})?) *({'|'.join(_UNITS_S)})")
_LONGEST_S = 36500 * 86400.0
"""100 years; a longer time might exceed the range of dates."""


def read_seconds(value: object) -> float:
    """
    Convert a time such as "5min" to seconds.

    Raises:
        ValueError: The value is not a number with a unit.
    """
    found = _TIME.fullmatch(str(value).strip())
    if found is None:
        raise ValueError('a time is a number followed by ms, s, min, h or d, such as "5min"')
    return float(found[1]) * _UNITS_S[found[2]]


def _bounded(seconds: float) -> float:
    if seconds > _LONGEST_S:
        raise ValueError("the maximum time is 36500d")
    return seconds


Seconds = Annotated[
    float, BeforeValidator(read_seconds, json_schema_input_type=str), AfterValidator(_bounded)
]
"""A duration in seconds; in YAML, a number with a unit ("500ms", "5min")."""


TYPED: Mapping[str, bool] = {"typed": True}
"""Validation context in which text is not accepted for numbers and booleans."""
_TYPES = {bool: "bool_parsing", int: "int_parsing", float: "float_parsing"}
"""Types that do not accept text, with the pydantic error type for invalid text."""
_UNIONS = (Union, UnionType)


@cache
def _text_error(model: type[BaseModel], name: str) -> str:
    """Return the pydantic error type for text in a field; "" if the field accepts text."""
    field = model.model_fields[name]
    if any(isinstance(each, BeforeValidator | PlainValidator) for each in field.metadata):
        return ""
    arms = get_args(field.annotation) if get_origin(field.annotation) in _UNIONS else (field.annotation,)
    found = [_TYPES[arm] for arm in arms if arm in _TYPES]
    return found[0] if found and all(arm in _TYPES or arm is NoneType for arm in arms) else ""


class Spec(BaseModel):
    """The base of all sections. Unknown fields are errors; names in YAML are in camel case."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        hide_input_in_errors=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_text(cls, value: object, info: ValidationInfo) -> object:
        """Refuse text for booleans and numbers, such as `yes` (text in YAML 1.2) or "2"."""
        if info.context is not TYPED or not isinstance(value, str) or info.field_name is None:
            return value
        if error := _text_error(cls, info.field_name):
            raise PydanticCustomError(error, "it is text")
        return value
