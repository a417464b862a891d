"""
What every part of every spec has in common.

Separate from what a kind is, because parts that all kinds share are themselves made of it.
"""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Spec(BaseModel):
    """Any part of a spec: unknown fields are errors, names are in camel case in YAML."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        hide_input_in_errors=True,
    )
