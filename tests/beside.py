"""Load a document between valid ones, and return the reported problems; for several tables of tests."""

from pathlib import Path

from kvmreconcile.kinds import KINDS
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded

BY_NAME = {kind.name: kind for kind in KINDS}
GOOD = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: NAME}\nspec: {}\n"


def load_beside(content: bytes, directory: Path, *, is_text: bool = True) -> Loaded:
    """Load bytes, followed by a valid document if they are text, and a valid document in another file."""
    after = f"\n---\n{GOOD.replace('NAME', 'after')}".encode() if is_text else b""
    (directory / "bad.yaml").write_bytes(content + after)
    (directory / "good.yaml").write_text(GOOD.replace("NAME", "beside"))
    return load([directory], BY_NAME, "test")


def describe_problems(loaded: Loaded, directory: Path) -> str:
    """Return the problems without their file, then their consequences for the host, one per line."""
    lines = [str(p).replace(f"{directory}/bad.yaml:", "") for p in loaded.problems]
    lines += [f"freezes {key}" for key in sorted(loaded.frozen)]
    lines += [] if loaded.complete else ["forbids pruning"]
    return "".join(f"=> {line}\n" for line in lines)
