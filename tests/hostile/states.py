"""List manipulations of the state by its owner. Commands of root must report them, without harm or delay."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from typer.testing import CliRunner

from kvmreconcile.cli.app import app
from tests.hostile.row import Row
from tests.mock import OWN
from tests.origin import Origin

Build = Callable[[Path], object]
"""Manipulates a state, which has a database and a revision in force."""

NOBODY = 65534
COMMANDS: Sequence[tuple[str, ...]] = (
    ("fetch",),
    ("suspend", "--all", "--for", "1h"),
    ("history",),
    ("resume", "--all"),
    ("plan",),
    ("apply", "--yes"),
)
_SPEC = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"
_NESTED = "[" * 100_000
_HUGE = 8 << 30


def _at(name: str, put: Callable[[Path], object]) -> Build:
    """Return a function that replaces a file or directory of the state."""

    def build(state: Path) -> None:
        subprocess.run(["rm", "-rf", state / name], check=True)
        put(state / name)

    return build


def _link(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, _HUGE)


def deep(path: Path) -> None:
    path.mkdir()
    handle = os.open(path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)


def _text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content, "latin-1")


def _sql(script: str, *values: object) -> Build:
    """Return a function that changes the database."""

    def build(state: Path) -> None:
        with closing(sqlite3.connect(state / "state.sqlite3")) as database, database:
            database.execute(script, values)

    return build


def _nested_metadata(state: Path) -> None:
    (state / "git/revisions/current/revision.json").write_text(_NESTED)


_IRREGULAR = "not a regular file; remove it, or move it away"
_APPLIED = """
    INSERT INTO applied (kind, name, uuid, instance, tree, digest, complete, settled, runtime_id, pending, protect)
    VALUES (?, 'x', '', 'default', ?, '', 1, '[]', 0, '[]', 0)
"""
_SUSPENDED = "INSERT INTO suspended VALUES ('Network', 'lab', ?, NULL, '', '')"
_HISTORY = "INSERT INTO history VALUES (NULL, ?, 'order', '', '', '', '', '', '', '', '', '', '', ?, '', 0, '', 0, 0, 0, '')"
ROWS: tuple[Row[Build], ...] = (
    *(Row(f"pipe as {name}", _at(name, os.mkfifo), _IRREGULAR) for name in ("state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm", "state.sqlite3-journal", "lock", "work.lock")),
    Row("pipe as suspensions.json", _at("suspensions.json", os.mkfifo), ""),
    Row("pipe as the mirror", _at("git/mirror.git", os.mkfifo), ""),
    Row("pipe as the mirror's configuration", _at("git/mirror.git/config", os.mkfifo), ""),
    Row("pipe as the metadata of a revision", _at("git/revisions/current/revision.json", os.mkfifo), ""),
    Row("pipe as a spec", _at("git/revisions/current/specs/a.yaml", os.mkfifo), ""),
    Row("link to root's file as the mirror", _at("git/mirror.git", _link("/root/canary")), "", "16"),
    Row("link to itself as the database", _at("state.sqlite3", _link("state.sqlite3")), "not a regular file; put the file itself in place"),
    Row("link to itself as the revision", _at("git/revisions/current", _link("current")), ""),
    Row("link to itself as the mirror", _at("git/mirror.git", _link("mirror.git")), ""),
    Row("link to an endless file as the second copy", _at("suspensions.json", _link("/dev/zero")), ""),
    Row("link to an endless file as the metadata of a revision", _at("git/revisions/current/revision.json", _link("/dev/zero")), ""),
    Row("8 GiB as the database", _at("state.sqlite3", _sparse), ""),
    Row("8 GiB as the second copy", _at("suspensions.json", _sparse), ""),
    Row("8 GiB as the mirror's configuration", _at("git/mirror.git/config", _sparse), ""),
    Row("8 GiB as the metadata of a revision", _at("git/revisions/current/revision.json", _sparse), ""),
    Row("nested JSON as the second copy", _at("suspensions.json", _text(_NESTED)), ""),
    Row("nested JSON as the metadata of a revision", _nested_metadata, ""),
    Row("no text as the owner of a lock", _at("work.lock", _text("\xff\xfe")), ""),
    Row("directory as the lock", _at("work.lock", Path.mkdir), "Is a directory"),
    Row("directories 1,500 deep in the mirror", _at("git/mirror.git/objects", deep), ""),
    Row("directories 1,500 deep among the revisions", _at("git/revisions/new-x", deep), ""),
    Row("directories 1,500 deep in a revision", _at("git/revisions/current/specs/d", deep), ""),
    Row("row about no object", _sql(_APPLIED, b"\xff", '["network",[],"",[],null]'), "cannot be read: kind or name is not text"),
    Row("row of a nested tree", _sql(_APPLIED, "Network", _NESTED), "cannot be read"),
    Row("row of a tree without a name", _sql(_APPLIED, "Network", '[5,[],"",[],null]'), "cannot be read: the name or content of an element"),
    Row("suspension without a zone", _sql(_SUSPENDED, "2020-01-01T00:00:00"), "cannot be read: a timestamp has no time zone"),
    Row("suspension of another type", _sql(_SUSPENDED, b"\xff"), "cannot be read"),
    Row("history beyond the calendar", _sql(_HISTORY, "9999-12-31T23:59:59-14:00", "[]"), "cannot be read"),
    Row("history of nested JSON", _sql(_HISTORY, "2099-01-01T00:00:00+00:00", _NESTED), "cannot be read"),
    Row("view that never ends for a table", _sql("CREATE VIEW endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"), ""),
    Row("trigger that empties a table", _sql("CREATE TRIGGER evil AFTER INSERT ON history BEGIN DELETE FROM suspended; END"), ""),
    Row("version of the future", _sql("PRAGMA user_version = 99"), "a newer kvmreconcile wrote this state"),
)  # fmt: skip


def answer(row: Row[Build], directory: Path) -> str:
    """Run commands as root on a state of another user, and return all their output."""
    origin, state, settings = Origin(directory), directory / "state", directory / "settings.yaml"
    origin.commit(_SPEC)
    state.mkdir()
    settings.write_text("{}\n")
    _change_owner(origin.path, state)
    environment = {
        "KVMRECONCILE_CONFIG": str(settings),
        "KVMRECONCILE_CONNECT": OWN,
        "KVMRECONCILE_STATE": str(state),
        "KVMRECONCILE_GIT": f"{{url: {origin.path}}}",
        "KVMRECONCILE_CONTROL": "{socket: none}",
    }
    for ready in (["fetch"], ["apply", "--yes"]):
        assert CliRunner(env=environment).invoke(app, ready).exit_code == 0
    try:
        row.make(state)
        _change_owner(state)
        answers = []
        for words in COMMANDS:
            done = CliRunner(env=environment).invoke(app, list(words))
            assert isinstance(done.exception, SystemExit | None), (words, repr(done.exception))
            answers.append(done.output)
        assert {path.lstat().st_uid for path in state.iterdir()} == {NOBODY}
        return "\n".join(answers)
    finally:
        # Python's own rmtree removes at most a thousand levels of directories.
        subprocess.run(["rm", "-rf", state], check=True)


def _change_owner(*paths: Path) -> None:
    subprocess.run(["chown", "-hR", f"{NOBODY}:{NOBODY}", *map(str, paths)], check=True)
