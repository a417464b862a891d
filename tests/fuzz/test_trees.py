"""Test that commits with unusual trees are checked out inside their directory, or refused."""

import subprocess
from pathlib import Path
from random import Random

import pytest

from kvmreconcile.errors import SourceError
from kvmreconcile.kinds import KINDS
from kvmreconcile.source.file_names import Naming
from kvmreconcile.source.git import Remote, Repository
from kvmreconcile.source.load import load
from tests.origin import ENVIRONMENT, Origin

TREES, ALL_TREES = 40, 500
NAMES = (
    "a.yaml", "b.yml", ".git", ".GIT", "git~1", "..", ".", ".gitattributes", ".gitmodules", "a\nb.yaml", "a\tb.yaml", "é.yaml",
    "\u202e.yaml", "a" * 255, "con", "-rf", "--help", "$(id).yaml", "a b.yaml", ".gitignore", "HEAD", "a.yaml ",
)  # fmt: skip
MODES = ("100644", "100755", "120000", "160000", "040000", "100600", "000000")
CONTENTS = (
    b"", b"apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n", b"../../../../etc/passwd", b"/etc/shadow",
    b"* filter=evil diff=evil ident export-subst", b"\xff\xfe", b'[submodule "x"]\n\tpath = ../x\n\turl = ext::sh -c id\n', b"a.yaml",
)  # fmt: skip


def put(origin: Origin, *words: str, sent: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *words], cwd=origin.path, env=ENVIRONMENT, input=sent, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def tree(origin: Origin, dice: Random, depth: int = 0) -> str:
    """Make a tree that git itself may not accept, and return its name."""
    entries = []
    for name in dice.sample(NAMES, dice.randrange(1, 5)):
        mode = dice.choice(MODES)
        if mode == "040000":
            entry = (
                tree(origin, dice, depth + 1)
                if depth < 3
                else put(origin, "hash-object", "-w", "-t", "tree", "--stdin")
            )
        elif mode == "160000":
            entry = "1" * 40
        else:
            entry = put(origin, "hash-object", "-w", "--stdin", sent=dice.choice(CONTENTS))
        entries.append(f"{mode.lstrip('0') or '0'} {name}".encode() + b"\0" + bytes.fromhex(entry))
    return put(origin, "hash-object", "-w", "-t", "tree", "--stdin", "--literally", sent=b"".join(entries))


@pytest.mark.figures
@pytest.mark.timeout(600)
def test_unusual_tree_is_checked_out_inside_its_directory_or_refused(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    dice, origin = Random(4), Origin(tmp_path)
    origin.commit("one")
    repository = Repository(Remote(str(origin.path), allow_rewind=True), tmp_path / "state")
    repository.update()
    outside = {
        path for path in tmp_path.rglob("*") if "state" not in path.parts and "origin" not in path.parts
    }
    kinds = {kind.name: kind for kind in KINDS}
    count, refused, problems = ALL_TREES if request.config.getoption("--full") else TREES, 0, 0

    for _ in range(count):
        commit = put(origin, "commit-tree", "-m", "strange", "-p", "main", tree(origin, dice))
        put(origin, "update-ref", "refs/heads/main", commit)
        try:
            repository.update()
        except SourceError as error:
            refused += bool(error.problem.what and error.problem.todo)
            # A later valid commit is used again.
            put(
                origin,
                "update-ref",
                "refs/heads/main",
                put(origin, "commit-tree", "-m", "sound", "main~1^{tree}"),
            )
            continue
        found = repository.in_force()
        assert found
        assert found[0].commit == commit
        loaded = load([found[1]], kinds, "test", Naming(found[1], "", found[0].submodules or ()))
        assert not loaded.crashes
        problems += bool(loaded.problems)

    print(f"{count} trees: {refused} refused, {problems} with problems in specs")
    left = {path for path in tmp_path.rglob("*") if "state" not in path.parts and "origin" not in path.parts}
    assert left == outside
    assert not (tmp_path / "state/git/passwd").exists()
