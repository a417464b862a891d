"""Create the tables of the state database, and migrate databases of older versions."""

import sqlite3
from pathlib import Path

from kvmreconcile.errors import StateError

_MIGRATIONS = (
    """
    CREATE TABLE applied (
        kind TEXT, name TEXT, uuid TEXT, instance TEXT, tree TEXT, digest TEXT, complete INTEGER,
        settled TEXT, runtime_id INTEGER, pending TEXT, protect INTEGER, PRIMARY KEY (kind, name)
    );
    CREATE TABLE history (
        id INTEGER PRIMARY KEY, at TEXT, plan TEXT, revision TEXT, kind TEXT, name TEXT, verb TEXT,
        effect TEXT, reason TEXT, changes TEXT, result TEXT, took_s REAL, error TEXT
    );
    """,
    "ALTER TABLE applied ADD COLUMN left INTEGER NOT NULL DEFAULT 0;",
    """
    CREATE TABLE suspended (
        kind TEXT, name TEXT, since TEXT, until TEXT, why TEXT, who TEXT, PRIMARY KEY (kind, name)
    );
    """,
    """
    ALTER TABLE history RENAME TO earlier;
    CREATE TABLE history (
        id INTEGER PRIMARY KEY, at TEXT, what TEXT, run TEXT, plan TEXT, revision TEXT, author TEXT, who TEXT,
        kind TEXT, name TEXT, verb TEXT, effect TEXT, reason TEXT, changes TEXT, result TEXT, took_s REAL,
        error TEXT, steps INTEGER, held INTEGER, wrong INTEGER
    );
    INSERT INTO history SELECT id, at, 'step', '', plan, revision, '', '', kind, name, verb, effect, reason,
        changes, result, took_s, error, 0, 0, 0 FROM earlier;
    DROP TABLE earlier;
    """,
    "ALTER TABLE applied ADD COLUMN removal TEXT NOT NULL DEFAULT '[]';",
    """
    CREATE TABLE trials (
        kind TEXT, name TEXT, edit TEXT, tree TEXT, autostart INTEGER, failed TEXT, PRIMARY KEY (kind, name)
    );
    """,
    """
    CREATE TABLE edits (
        kind TEXT, name TEXT, edit TEXT, changes TEXT, filled TEXT, refused TEXT, software TEXT,
        PRIMARY KEY (kind, name)
    );
    """,
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);",
    "ALTER TABLE applied ADD COLUMN secrets TEXT NOT NULL DEFAULT '[]';",
    "CREATE TABLE sources (kind TEXT, name TEXT, roots TEXT, PRIMARY KEY (kind, name));",
    "CREATE TABLE spec_files (kind TEXT, name TEXT, file TEXT, PRIMARY KEY (kind, name));",
    """
    ALTER TABLE applied ADD COLUMN begun TEXT NOT NULL DEFAULT '';
    ALTER TABLE applied ADD COLUMN sealed TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE owners (kind TEXT, name TEXT, owner TEXT, PRIMARY KEY (kind, name));
    CREATE TABLE elsewhere (kind TEXT, name TEXT, hosts TEXT, PRIMARY KEY (kind, name));
    ALTER TABLE history ADD COLUMN owner TEXT NOT NULL DEFAULT '';
    """,
)
"""The script that migrates a database from version N to N+1; scripts are added and never edited."""


def migrate(database: sqlite3.Connection, path: Path) -> None:
    """
    Migrate a database to the current format.

    Raises:
        StateError: A newer kvmreconcile wrote the database.
    """
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise StateError(
            f"{path}: a newer kvmreconcile wrote this state (database format {version}; this version reads up "
            f"to {len(_MIGRATIONS)}); use the newer kvmreconcile, or restore the database from before the upgrade"
        )
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        database.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version={number}; COMMIT;")
