"""
Define the base of sections that map to one whole element of libvirt's XML, and so have an `xml` field.

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
    """Make a validator of a section's fields skip a section that has only `xml`."""

    @wraps(check)
    def checked(part: Part) -> Part:
        return part if part.model_fields_set == {"xml"} else check(part)

    return checked


class Element(Spec):
    """A section with its own `xml`; if it has only that, its required fields may be left out."""

    xml: Annotated[
        str | None,
        Fragment(),
        Field(
            description="XML fragment with this element as its root, for settings that have no field. It is merged "
            "over the other fields. If it is the only field, required ones may be left out. Defaults to none."
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
        """Require fields only if there are fields besides `xml`."""
        whole = handler.resolve_ref_schema(handler(schema))
        if required := whole.pop("required", None):
            whole |= {"if": {"required": ["xml"], "maxProperties": 1}, "else": {"required": required}}
        return whole
