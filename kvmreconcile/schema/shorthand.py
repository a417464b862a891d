"""
Parts of a spec for which one of their fields will do alone: `vcpus: 4`, `memory: 4GiB`.

Separate from what specs have in common, since only some parts have a short form, and reading and writing share it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from kvmreconcile.schema.section import Spec


class Shorthand(Spec):
    """A part that is written as the value of its field `short` where nothing else is said."""

    short: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, cls)) else {to_camel(cls.short): value}

    @classmethod
    def brief(cls, values: dict[str, Any]) -> Any:
        """Return fields as YAML would hold them in the shortest form."""
        return values[to_camel(cls.short)] if values.keys() == {to_camel(cls.short)} else values

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say that the field's value alone will do."""
        whole = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(schema, handler))
        field = whole["properties"][to_camel(cls.short)]
        alone = [form for form in field.get("anyOf", [field]) if form != {"type": "null"}]
        told = ("description", "default", "title")
        return {"anyOf": [*({k: v for k, v in form.items() if k not in told} for form in alone), whole]}
