"""Test that the JSON Schema is valid, and agrees with loading."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from jsonschema import Draft202012Validator
from yamlcore import CCoreLoader  # type: ignore[import-untyped] # it carries no annotations

from kvmreconcile.kinds import KINDS
from kvmreconcile.source.schema import schema_of, schema_of_all

BY_NAME = {kind.name: kind for kind in KINDS}
WHOLE = schema_of_all(BY_NAME)
EXAMPLES = {
    "Network": {
        "mode": "nat",
        "addresses": ["192.0.2.1/24", {"address": "fd00::1/64", "dhcp": {"ranges": []}}],
    },
    "StoragePool": {"path": "/srv/images", "permissions": {"mode": "0711"}},
    "Volume": {"pool": "default", "capacity": "4GiB", "xml": "<volume/>"},
}


def document(kind: str, spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "kvmreconcile/v1",
        "kind": kind,
        "metadata": {"name": "x", "labels": {"a": "b"}},
        "spec": spec,
    }


def wrong(schema: dict[str, Any], value: object) -> list[str]:
    """Return the paths at which a value does not fit."""
    return sorted(error.json_path for error in Draft202012Validator(schema).iter_errors(value))


@pytest.mark.parametrize("schema", [WHOLE, *map(schema_of, KINDS)], ids=["all", *BY_NAME])
def test_schema_is_a_valid_json_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("kind", EXAMPLES)
def test_valid_document_is_valid_for_the_schema(kind: str) -> None:
    right = document(kind, EXAMPLES[kind])

    jsonschema.validate(right, WHOLE)
    jsonschema.validate(right, schema_of(BY_NAME[kind]))


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"apiVersion": "v1"}, "$.apiVersion"),
        ({"metadata": {}}, "$.metadata"),
        ({"metadata": {"name": "x", "labels": {"a": 1}}}, "$.metadata.labels.a"),
        ({"colour": "red"}, "$"),
        ({"spec": []}, "$.spec"),
        ({"spec": {"adopt": "perhaps"}}, "$.spec.adopt"),
        ({"spec": {"update": {"maxEffect": "reboot"}}}, "$.spec.update.maxEffect"),
    ],
)
def test_invalid_document_is_reported_at_its_path(kind: str, change: dict[str, object], path: str) -> None:
    bad = {**document(kind, EXAMPLES[kind]), **change}

    assert path in wrong(WHOLE, bad)
    assert path in wrong(schema_of(BY_NAME[kind]), bad)


def test_unknown_field_and_kind_are_rejected_by_the_schema() -> None:
    assert wrong(WHOLE, document("Network", {"mdoe": "nat"})) == ["$.spec"]
    assert wrong(WHOLE, document("Netwrok", {})) == ["$.kind"]
    assert wrong(WHOLE, {}) == ["$"] * 4


def test_every_field_is_described() -> None:
    def walk(schema: object, path: str) -> list[str]:
        if not isinstance(schema, dict):
            return []
        properties: dict[str, Any] = schema.get("properties", {})
        bare = [
            f"{path}.{name}" for name, field in properties.items() if not {"description", "$ref"} & {*field}
        ]
        return bare + [found for name, inner in schema.items() for found in walk(inner, f"{path}.{name}")]

    assert walk(WHOLE["$defs"], "") == []


def test_schema_uses_the_field_names_of_yaml() -> None:
    assert "maxEffect" in WHOLE["$defs"]["UpdatePolicy"]["properties"]
    assert "max_effect" not in WHOLE["$defs"]["UpdatePolicy"]["properties"]


def malformed_documents() -> list[tuple[str, dict[str, Any]]]:
    """Return the malformed specs that are valid YAML mappings."""
    found = []
    for table in ("field", "document"):
        for part in (Path(__file__).parent / "malformed" / f"{table}.txt").read_text().split("=== ")[1:]:
            name, _, rest = part.partition("\n")
            value = yaml.load(rest.partition("=> ")[0], CCoreLoader)
            if isinstance(value, dict):
                found.append((name, value))
    return found


# What JSON Schema cannot express, or expresses more loosely than the model's own code.
NOT_IN_SCHEMA = {
    "address_without_prefix", "address_out_of_range", "one_of_several_missing", "fields_that_exclude_each_other",
    "name_with_slash",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), malformed_documents())
def test_schema_rejects_what_loading_rejects(name: str, value: dict[str, Any]) -> None:
    assert bool(wrong(WHOLE, value)) != (name in NOT_IN_SCHEMA)
