"""Generate the JSON Schema of spec files, for editors and other programs."""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import CoreSchema

from kvmreconcile.kinds.expander import Expander
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.source.envelope import Envelope, envelope

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class _Untitled(GenerateJsonSchema):
    """
    Omits the titles of fields, which would only repeat the field names.

    Editors show the descriptions instead.
    """

    def field_title_should_be_set(self, _: CoreSchema) -> bool:
        """Return False: no field has a title."""
        return False


def schema_of_all(kinds: Mapping[str, Kind | Expander]) -> dict[str, Any]:
    """
    Return the schema of a document of any kind.

    The schema selects the kind with if and then, so that a validator reports the errors inside the
    matching branch. With oneOf, a validator would report only that no branch matches.
    """
    models = {name: envelope(kind) for name, kind in kinds.items()}
    wanted = [(model, "validation") for model in (*models.values(), Envelope)]
    refs, described = models_json_schema(wanted, by_alias=True, schema_generator=_Untitled)  # type: ignore[arg-type] # list is invariant
    whole = described["$defs"].pop(_name(refs[Envelope, "validation"]))
    whole["properties"]["kind"] = {**whole["properties"]["kind"], "enum": [*kinds]}
    # Each branch rejects unknown fields.
    del whole["additionalProperties"]
    branches = [
        {
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": refs[model, "validation"],
        }
        for name, model in models.items()
    ]
    return {"$schema": DRAFT, **whole, "title": "kvmreconcile spec", "allOf": branches, **described}


def schema_of(kind: Kind | Expander) -> dict[str, Any]:
    """Return the schema of a document of one kind."""
    return {"$schema": DRAFT, **envelope(kind).model_json_schema(by_alias=True, schema_generator=_Untitled)}


def _name(ref: Mapping[str, Any]) -> str:
    return str(ref["$ref"]).rpartition("/")[2]
