"""Define the base of sections with a shorthand, such as `vcpus: 4` or `memory: 4GiB`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from kvmreconcile.schema.section import Spec


class Shorthand(Spec):
    """
    A section that may be written as the value of one of its fields, if no other field is set.

    Attributes:
        short: The name of the field.
    """

    short: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, cls)) else {to_camel(cls.short): value}

    @classmethod
    def brief(cls, values: dict[str, Any]) -> Any:
        """Return fields as in YAML, in the shortest form."""
        return values[to_camel(cls.short)] if values.keys() == {to_camel(cls.short)} else values

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Also accept the value of the field in place of the section."""
        whole = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(schema, handler))
        field = whole["properties"][to_camel(cls.short)]
        alone = [form for form in field.get("anyOf", [field]) if form != {"type": "null"}]
        omitted = ("description", "default", "title")
        return {"anyOf": [*({k: v for k, v in form.items() if k not in omitted} for form in alone), whole]}
