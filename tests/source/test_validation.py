"""Test validation errors that only kinds of plugins may cause: choices between types, pydantic's own messages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from uuid import UUID

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import Kind, Spec
from kvmreconcile.model.located import plain
from kvmreconcile.schema.section import TYPED
from kvmreconcile.schema.values import Size
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.source.decoding import Chunk
from kvmreconcile.source.load import load
from kvmreconcile.source.patterns import FORMS
from kvmreconcile.source.suggestions import advice, nearest
from kvmreconcile.source.validation import describe_errors
from kvmreconcile.source.yaml import parse_yaml
from tests.beside import GOOD, load_beside


class Count(Spec):
    now: int
    most: int = 8


class Thing(Spec):
    count: int | Count = 1
    uuid: UUID | None = None
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5


def complain(text: str) -> list[str]:
    item = parse_yaml(Chunk(text, 0), "f").item
    assert item is not None
    with pytest.raises(ValidationError) as error:
        Thing.model_validate(plain(item))
    return [str(problem.to_problem()) for problem in describe_errors(error.value, item, Thing, "Thing")]


def test_problem_of_a_value_that_matches_none_of_its_types_names_all_types() -> None:
    assert complain("count: many") == [
        "f:1:8: count should be a whole number or a mapping of fields, not text; see 'kvmreconcile explain Thing.count'"
    ]


def test_value_with_one_of_several_types_is_validated_by_that_type() -> None:
    assert complain("count: {now: 1, mots: 2}") == [
        "f:1:17: unknown field 'mots' in count; did you mean 'most'?"
    ]
    assert complain("count: {now: 1, most: few}") == [
        "f:1:23: count.most should be a whole number, not text; write a whole number, without unit or quotes"
    ]


def test_limits_and_messages_of_pydantic_are_reported_with_the_field() -> None:
    first, second = complain("uuid: nonsense\nshare: 2")

    assert first.startswith("f:1:7: uuid: input should be a valid UUID")
    assert second == "f:2:8: share should be less than 1.0; see 'kvmreconcile explain Thing.share'"


class Typed(Spec):
    on: bool = False
    number: int | None = None
    share: float = 0.5
    either: int | str = 1
    word: str = ""


@pytest.mark.case("53a")
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("on: yes", "true or false"),
        ("on: 'true'", "true or false"),
        ('number: "2"', "a whole number"),
        ('share: "0.5"', "a number"),
    ],
)
def test_text_is_not_accepted_as_boolean_or_number(text: str, wanted: str) -> None:
    item = parse_yaml(Chunk(text, 0), "f").item
    assert item is not None
    with pytest.raises(ValidationError) as error:
        Typed.model_validate(plain(item), context=TYPED)

    (problem,) = describe_errors(error.value, item, Typed, "Thing")
    assert f"should be {wanted}, not text" in str(problem.to_problem())


@pytest.mark.case("53a")
@pytest.mark.parametrize("text", ["on: true", "number: 2", "number: null", "either: '2'", "word: yes"])
def test_value_of_the_right_type_is_accepted(text: str) -> None:
    item = parse_yaml(Chunk(text, 0), "f").item
    assert item is not None

    Typed.model_validate(plain(item), context=TYPED)


def test_nearest_word_ignores_case_and_separators() -> None:
    known = ["maxEffect", "memory", "volumes"]

    assert [nearest(w, known) for w in ("max_effect", "MEMORY", "volume", "memroy")] == [
        "maxEffect", "memory", "volumes", "memory",
    ]  # fmt: skip
    assert nearest("colour", known) is None
    assert nearest("memory" * 50, known) is None


def test_advice_lists_a_limited_number_of_words() -> None:
    assert advice("?", [f"w{n:02}" for n in range(22)]).endswith("w19 and 2 more")
    assert advice("?", []) == ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_pattern_of_a_field_has_a_description(kind: Kind) -> None:
    # A size is read by a function that has its own messages.
    read_otherwise = {*_patterns(TypeAdapter(Size).json_schema())}

    assert {*_patterns(kind.spec.model_json_schema())} - read_otherwise <= {*FORMS}


def _patterns(schema: object) -> Iterator[str]:
    match schema:
        case {"pattern": str(pattern)}:
            yield pattern
    values = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for value in values:
        yield from _patterns(value)


def test_problem_of_a_text_with_the_wrong_format_describes_the_format(tmp_path: Path) -> None:
    spec = "{disks: [{file: web1.qcow2, target: vd1}], interfaces: [{mac: 52-54-00-12-34-56}]}"
    loaded = load_beside(GOOD.replace("Network", "Domain").replace("{}", spec).encode(), tmp_path)

    problems = [problem.what.removeprefix("Domain/NAME: ") for problem in loaded.problems]
    assert problems == [
        'spec.disks[0].file must be an absolute path, which starts with "/"',
        "spec.disks[0].target may contain only lower-case ASCII letters, such as vda",
        "spec.interfaces[0].mac must be a MAC address, such as 52:54:00:12:34:56",
    ]


def test_explain_command_in_hint_names_the_last_existing_field(tmp_path: Path) -> None:
    text = GOOD.replace("Network", "Domain").replace("{}", '{cputune: {vcpupin: {0: ""}}}')
    (problem,) = load_beside(text.encode(), tmp_path).problems

    assert problem.todo == "see 'kvmreconcile explain Domain.spec.cputune.vcpupin'"


@pytest.mark.case("53a")
def test_text_in_a_document_is_not_accepted_as_boolean_or_number(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    head = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: a}\n"
    file.write_text(head + 'spec: {memory: 1GiB, vcpus: "2", autostart: yes}\n')

    problems = [problem.what for problem in load([file], known_kinds(), "default").problems]

    assert problems == [
        "Domain/a: spec.vcpus should be a whole number, not text",
        "Domain/a: spec.autostart should be true or false, not text",
    ]
