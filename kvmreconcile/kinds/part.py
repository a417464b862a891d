"""
What every part of every spec has in common.

Separate from what a kind is, because parts that all kinds share are themselves made of it.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(f"([0-9]{{1,20}}(?:[.][0-9]{{0,20}})?) *({'|'.join(_UNITS_S)})")
_LONGEST_S = 36500 * 86400.0
"""A hundred years: a longer time could not be added to a date."""


def read_seconds(value: object) -> float:
    """
    Read "5min" as seconds.

    Raises:
        ValueError: It is not a number with a unit.
    """
    found = _TIME.fullmatch(str(value).strip())
    if found is None:
        raise ValueError('a time is a number with ms, s, min, h or d behind it, such as "5min"')
    return float(found[1]) * _UNITS_S[found[2]]


def _bounded(seconds: float) -> float:
    if seconds > _LONGEST_S:
        raise ValueError("a time is at most 36500d")
    return seconds


Seconds = Annotated[
    float, BeforeValidator(read_seconds, json_schema_input_type=str), AfterValidator(_bounded)
]
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
