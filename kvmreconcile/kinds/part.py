"""
What every part of every spec has in common.

Separate from what a kind is, because parts that all kinds share are themselves made of it.
"""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def read_seconds(value: object) -> float:
    """
    Read "5min" as seconds.

    Raises:
        ValueError: It is not a number with a unit.
    """
    text = str(value).strip()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    factor = _UNITS_S.get(text[len(number) :].strip())
    if factor is None or not number.replace(".", "", 1).isdigit():
        raise ValueError('a time is a number with ms, s, min, h or d behind it, such as "5min"')
    return float(number) * factor


Seconds = Annotated[float, BeforeValidator(read_seconds, json_schema_input_type=str)]
"""A length of time; in YAML a number with a unit ("500ms", "5min")."""


class Spec(BaseModel):
    """Any part of a spec: unknown fields are errors, names are in camel case in YAML."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        hide_input_in_errors=True,
    )
