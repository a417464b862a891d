import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kvmreconcile.cli.yaml_writer import COMMENT, WIDTH, write_document
from kvmreconcile.model.located import plain
from kvmreconcile.source.decoding import chunks, decode
from kvmreconcile.source.yaml import parse_yaml

# Characters that a file may contain; the loader refuses others.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn"), include_characters="\n\t")
)
WORDS = st.sampled_from(
    [
        "on",
        "no",
        "~",
        "null",
        "0o14",
        "0x1f",
        "1e3",
        "012",
        ".inf",
        "1:30",
        "-",
        "2026-01-01",
        "<<",
        "=",
        "52:54:00:12:34:56",
        "- a",
        "a: b",
        "#",
        "",
        " ",
        "a\n",
        "\n",
        "a\n\nb\n",
        " a\nb",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXT | WORDS.filter(lambda w: w != "<<"), inner, max_size=4)
    ),
    max_leaves=20,
)


def _read_back(text: str) -> object:
    decoded = decode(text.encode(), "x")
    assert isinstance(decoded, str), decoded
    (reading,) = (parse_yaml(chunk, "x") for chunk in chunks(decoded))
    assert reading.problems == ()
    assert reading.item is not None
    return plain(reading.item)


@given(st.dictionaries(st.text("abcdef", min_size=1), VALUES, min_size=1, max_size=4))
def test_written_yaml_is_read_back_unchanged(spec: dict[str, object]) -> None:
    document = {"kind": "Domain", "metadata": {"name": "x"}, "spec": spec}

    assert _read_back(write_document(document)) == document


@pytest.mark.case("34")
@given(st.dictionaries(st.text("abcdef", min_size=1), VALUES, min_size=1, max_size=4))
@example(
    {"mac": "52:54:00:00:00:12", "address": "0000:03:00.0", "answer": "y", "ask": ["No", "off", "1_000", "="]}
)
def test_output_means_the_same_in_yaml_1_1(spec: dict[str, object]) -> None:
    document = {"kind": "Domain", "metadata": {"name": "x"}, "spec": spec}

    assert yaml.safe_load(write_document(document)) == document


def test_short_lists_and_mappings_are_on_one_line() -> None:
    spec = {
        "disks": [{"name": "root", "bus": "virtio"}],
        "memory": "4GiB",
        "tags": list(range(200)),
        "xml": "<a/>\n<b/>\n",
    }
    text = write_document({"kind": "Domain", "metadata": {"name": "x"}, "spec": spec})

    assert text.splitlines()[:5] == [
        "kind: Domain",
        "metadata: {name: x}",
        "spec:",
        "  disks: [{name: root, bus: virtio}]",
        "  memory: 4GiB",
    ]
    assert text.endswith("  xml: |\n    <a/>\n    <b/>\n")
    assert "- 199" in text
    assert max(map(len, text.splitlines())) <= WIDTH + 20


def test_first_device_with_an_address_has_an_explanatory_comment() -> None:
    address = '<interface><address type="pci" slot="0x08"/></interface>'
    spec = {
        "title": "xml: <address",
        "disks": [{"name": "a", "xml": "<disk>\n  <address/>\n</disk>\n"}],
        "interfaces": [{"name": "b", "xml": address}, {"name": "c", "xml": address}],
    }
    document = {"kind": "Domain", "metadata": {"name": "x"}, "spec": spec}

    text = write_document(document)

    lines = text.splitlines()
    assert [line.strip() for line in lines].count(COMMENT) == 1
    index = next(number for number, line in enumerate(lines) if COMMENT in line)
    assert lines[index + 1].lstrip().startswith("- name: a")
    assert yaml.safe_load(text) == document
    assert COMMENT not in write_document({"kind": "Domain", "spec": {"xml": "<domain><address/></domain>"}})
