"""
Define the base of sections with an `xml` field. Each maps to one whole element of libvirt's XML.

Most other sections map to some values of an element, and have no `xml` field.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import Field, GetJsonSchemaHandler, ModelWrapValidatorHandler, model_validator
from pydantic_core import CoreSchema

from kvmreconcile.schema.mapping import Fragment
from kvmreconcile.schema.section import Spec

Part = TypeVar("Part", bound="Element")


def of_fields(check: Callable[[Part], Part]) -> Callable[[Part], Part]:
    """Return a validator that skips sections in which only `xml` is set."""

    @wraps(check)
    def checked(part: Part) -> Part:
        return part if part.model_fields_set == {"xml"} else check(part)

    return checked


class Element(Spec):
    """A section with a field `xml`. If only `xml` is set, required fields may be omitted."""

    xml: Annotated[
        str | None,
        Fragment(),
        Field(
            description="XML fragment with this element as its root, for settings that have no field. "
            "The fragment is merged over the other fields. If only `xml` is set, required fields may be "
            "omitted. Defaults to none."
        ),
    ] = None

    @model_validator(mode="wrap")
    @classmethod
    def _from_xml_alone(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping) and value.keys() == {"xml"} and isinstance(value["xml"], str):
            unset: dict[str, Any] = dict.fromkeys(cls.model_fields)
            return cast("Self", cls.model_construct({"xml"}, **unset | {"xml": value["xml"]}))
        return handler(value)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Require fields only if other fields than `xml` are set."""
        whole = handler.resolve_ref_schema(handler(schema))
        if required := whole.pop("required", None):
            whole |= {"if": {"required": ["xml"], "maxProperties": 1}, "else": {"required": required}}
        return whole
