"""The reference pages match the models."""

import pytest

from tests.reference import DIRECTORY, pages

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_up_to_date(name: str) -> None:
    written = (DIRECTORY / name).read_text()

    assert written == PAGES[name], "regenerate it: .venv/bin/python -m tests.reference"


def test_every_reference_page_belongs_to_a_kind() -> None:
    assert {path.name for path in DIRECTORY.glob("*.md")} - {"README.md"} == set(PAGES)
