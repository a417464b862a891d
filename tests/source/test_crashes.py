"""Test that a bug in reading a document affects that document only, and prevents deletions."""

from dataclasses import replace
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import Document
from kvmreconcile.model import Desired
from kvmreconcile.source.load import load

BY_NAME = {kind.name: kind for kind in KINDS}


@pytest.mark.case("18")
def test_document_that_causes_an_exception_is_reported_and_others_are_read(tmp_path: Path) -> None:
    desire = BY_NAME["Network"].desire

    def crashing(document: Document, uuid: str) -> Desired:
        if document.name == "bad":
            raise ZeroDivisionError
        return desire(document, uuid)

    kinds = {**BY_NAME, "Network": replace(BY_NAME["Network"], desire=crashing)}
    text = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {{name: {}}}\nspec: {{}}\n"
    (tmp_path / "all.yaml").write_text("---\n".join(text.format(name) for name in ("bad", "good")))

    loaded = load([tmp_path], kinds, "test")

    assert [key.name for key in loaded.desired] == ["good"]
    assert [problem.where for problem in loaded.problems] == [f"{tmp_path}/all.yaml:1:1"]
    assert "ZeroDivisionError" not in str(loaded.problems[0])
    assert "daemon" not in str(loaded.problems[0])
    assert not loaded.complete
    assert [type(crash) for crash in loaded.crashes] == [ZeroDivisionError]
