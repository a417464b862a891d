"""
Write the reference pages of all kinds from their models: `.venv/bin/python -m tests.reference`.
"""

from collections.abc import Iterator
from pathlib import Path

from kvmreconcile.kinds import EXPANDERS, KINDS
from kvmreconcile.session.kinds import document_kinds, known_kinds
from kvmreconcile.source.explain import FieldDescription, describe_field

DIRECTORY = Path(__file__).parents[1] / "docs" / "reference"


def main() -> None:
    """Write every page."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in pages().items():
        (DIRECTORY / name).write_text(text)


def pages() -> dict[str, str]:
    """Return the text of each page by its file's name."""
    names = [*(kind.name for kind in KINDS), *(kind.name for kind in EXPANDERS)]
    return {f"{name.lower()}.md": "\n".join(_page(name)) for name in names}


def _page(kind: str) -> Iterator[str]:
    yield f"# {kind}"
    yield ""
    yield describe_field(kind, document_kinds(known_kinds())).description
    yield ""
    yield "<!-- written by: .venv/bin/python -m tests.reference -->"
    for entry in _objects(f"{kind}.spec"):
        yield ""
        yield f"## {entry.path}"
        yield ""
        if entry.path != f"{kind}.spec":
            yield f"{_cell(entry.description)}{_place(entry)}"
            yield ""
        yield "| Field | Type | Meaning |"
        yield "|---|---|---|"
        yield from map(_row, entry.inner)
    yield ""


def _objects(path: str) -> Iterator[FieldDescription]:
    """Yield an object and all objects in it, each before its children."""
    entry = describe_field(path, document_kinds(known_kinds()))
    if entry.inner:
        yield entry
    for inner in entry.inner:
        yield from _objects(inner.path)


def _row(entry: FieldDescription) -> str:
    name = entry.path.rpartition(".")[2]
    form = f"{entry.form}, required" if entry.is_required else entry.form
    return f"| `{name}` | {_cell(form)} | {_cell(entry.description)}{_place(entry)} |"


def _place(entry: FieldDescription) -> str:
    return f" (`{entry.xml}`)" if entry.xml else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
