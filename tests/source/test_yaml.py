"""Test reading of YAML 1.2, and that any input is read or refused."""

from pathlib import Path

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yamlcore import CCoreLoader  # type: ignore[import-untyped] # it carries no annotations

from kvmreconcile.kinds import KINDS
from kvmreconcile.model.located import plain
from kvmreconcile.source.decoding import Chunk, chunks, decode
from kvmreconcile.source.load import load
from kvmreconcile.source.yaml import parse_yaml

BY_NAME = {kind.name: kind for kind in KINDS}


def value(text: str) -> object:
    reading = parse_yaml(Chunk(text, 0), "f")
    assert not reading.problems
    assert reading.item is not None
    return plain(reading.item)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("0000:03:00.0", "0000:03:00.0"),
        ("22:30", "22:30"),
        ("on", "on"),
        ("yes", "yes"),
        ("no", "no"),
        ("true", True),
        ("0755", 755),
        ("0o755", 493),
        ("0x1f", 31),
        ("1_000", "1_000"),
        ("2026-11-23", "2026-11-23"),
        ("1.5", 1.5),
        ("null", None),
        ("[~, '', \"\"]", [None, "", ""]),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("=", "="),
        ("[&a x, *a]", ["x", "x"]),
        ("|\n a\n b\n", "a\nb\n"),
        (">\n a\n b\n", "a b\n"),
    ],
)
def test_plain_values_are_read_as_in_yaml_1_2(text: str, expected: object) -> None:
    assert value(f"a: {text}\n") == {"a": expected}


def test_alias_repeats_the_value_of_its_anchor() -> None:
    assert value("a: &x {b: [1]}\nc: *x\nd: [*x]\n") == {"a": {"b": [1]}, "c": {"b": [1]}, "d": [{"b": [1]}]}


def test_every_value_has_its_line_and_column() -> None:
    item = parse_yaml(Chunk("é: {b: c}\nd:\n  - |\n    e\n", 10), "f").item

    assert item is not None
    assert isinstance(item.value, dict)
    inner, rows = item.value["é"].item, item.value["d"].item
    assert isinstance(inner.value, dict)
    assert isinstance(rows.value, tuple)
    assert [str(i) for i in (item.source, inner.source, inner.value["b"].source, inner.value["b"].item.source)] == [
        "f:11:1", "f:11:4", "f:11:5", "f:11:8",
    ]  # fmt: skip
    assert (str(rows.value[0].source), rows.value[0].indent) == ("f:13:5", 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n---\nb: 2\n", [("a: 1\n", 0), ("---\nb: 2\n", 1)]),
        ("--- a\n--- b", [("--- a\n", 0), ("--- b", 1)]),
        ("a: 'x\n---\nb'\n", [("a: 'x\n", 0), ("---\nb'\n", 1)]),
        ("a: 1\n...\n# c\n%YAML 1.2\n---\nb: 2\n", [("a: 1\n...\n", 0), ("---\nb: 2\n", 4)]),
        ("a: 1\n...\nb: 2\n", [("a: 1\n...\n", 0), ("b: 2\n", 2)]),
        ("a: |\n  ---\n  b\n", [("a: |\n  ---\n  b\n", 0)]),
        ("---a: 1\n", [("---a: 1\n", 0)]),
        ("\n# c\n\n", []),
    ],
)
def test_documents_are_split_as_in_yaml(text: str, expected: list[tuple[str, int]]) -> None:
    assert [(c.text, c.lines_before) for c in chunks(text)] == expected


def test_byte_order_mark_and_windows_line_ends_are_removed() -> None:
    assert decode(b"\xef\xbb\xbfa: 1\r\nb: 2\rc: 3\n", "f") == "a: 1\nb: 2\nc: 3\n"


WORDS = st.sampled_from([
    "---\n", "...\n", "a", "kind", "apiVersion", "kvmreconcile/v1", "Network", "metadata", "name", "spec", "xml",
    ": ", ":", "- ", "? ", "[", "]", "{", "}", ",", "\n", "\n  ", " ", "'", '"', "|\n", ">", "#", "&a ", "*a", "!!", "!", "%",
    "<<", "~", "\\", "\t", "@", "`", "5", "0x", "1e999", ".nan", "true", "<network>", "&amp;", "\u2028", "\x85", "\ufeff",
    "é", "\x00", "\ud800",
])  # fmt: skip
SHAPED = st.lists(WORDS, max_size=40).map(lambda words: "".join(words).encode(errors="surrogatepass"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["nat", "on", "5MiB", "<network/>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["address", "dhcp", "to", "ranges", "a"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def check_whole(content: bytes, directory: Path) -> None:
    """Load bytes as a file: the result is documents, no documents, or problems, and never an exception."""
    path = directory / "a.yaml"
    path.write_bytes(content)
    loaded = load([path], BY_NAME, "test")
    if loaded.problems:
        assert loaded.frozen or not loaded.complete
    assert len(loaded.documents) == len(loaded.desired)


@given(st.binary(max_size=200) | SHAPED)
@settings(max_examples=150)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    check_whole(content, tmp_path_factory.getbasetemp())


FIELDS = {kind.name: [info.alias or name for name, info in kind.spec.model_fields.items()] for kind in KINDS}


@given(st.data())
@settings(max_examples=150)
def test_any_values_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(sorted(FIELDS)))
    spec = data.draw(st.dictionaries(st.sampled_from(FIELDS[kind]), VALUES, max_size=4))
    document = {"apiVersion": "kvmreconcile/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}

    check_whole(
        pyyaml.safe_dump(document, allow_unicode=True).encode(errors="replace"),
        tmp_path_factory.getbasetemp(),
    )


@given(SHAPED)
@settings(max_examples=150)
def test_valid_document_is_read_as_by_another_yaml_library(content: bytes) -> None:
    text = decode(content, "f")
    for chunk in chunks(text) if isinstance(text, str) else ():
        reading = parse_yaml(chunk, "f")
        if not reading.problems and reading.item is not None:
            other = pyyaml.load(chunk.text, CCoreLoader)
            assert repr(plain(reading.item)) == repr(other)
