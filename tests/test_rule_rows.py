"""
Every row in the rules of every kind matches a definition, is not shadowed by an earlier row, and normalizes
values correctly.

Definitions are libvirt's test data, and examples from libvirt's manual in `tests/cases/rows` for rows that
the test data does not cover.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.tree import Measure, Node, Rules, Scalar, Table, is_satisfied_by, make, parse, scalars
from kvmreconcile.tree.paths import at, under
from tests.lab.live_rows import rows_of, unserved
from tests.lab.live_table import GROUPS, NOT_RUN

CASES = Path(__file__).parent / "cases/rows"
FOLDERS = {"Domain": "domain", "Network": "network", "StoragePool": "pool", "Volume": "volume"}
CORPUS = os.environ.get("KVMRECONCILE_CORPUS")
BY_NAME = {kind.name: kind for kind in KINDS}


def tables(kind: Kind) -> Iterator[tuple[str, Table[object]]]:
    for field in fields(Rules):
        yield field.name, getattr(kind.rules, field.name)


ROWS = [(kind.name, name, row) for kind in KINDS for name, table in tables(kind) for row, _ in table.rows]


def places(node: Node, path: str = "") -> Iterator[str]:
    """Yield the path of each element and attribute."""
    yield path
    yield from (at(path, name) for name, _ in node.attrs)
    for child in node.children:
        yield from places(child, under(path, child.tag))


def read_paths(files: Iterable[Path]) -> frozenset[str]:
    """Return the paths in definitions. Some of libvirt's test data is intentionally not well-formed."""
    found: set[str] = set()
    for file in files:
        with suppress(ValueError):
            found.update(places(parse(file.read_text())))
    return frozenset(found)


@cache
def shown(kind: str) -> frozenset[str]:
    """Return every path of a definition in libvirt's test data, or in ours for the rest."""
    recorded = (CASES / f"{kind}.paths").read_text().splitlines()
    return frozenset(recorded) | frozenset(places(parse((CASES / f"{kind}.xml").read_text())))


@pytest.mark.skipif(not CORPUS, reason="KVMRECONCILE_CORPUS names no folder with libvirt's test data")
@pytest.mark.parametrize("kind", sorted(FOLDERS))
def test_recorded_paths_match_libvirts_test_data(kind: str, *, regenerate: bool) -> None:
    """Only the paths are recorded, so that the rows are tested where libvirt's definitions are missing."""
    found = sorted(read_paths(Path(CORPUS or "", FOLDERS[kind]).rglob("*.xml")) - {""})
    recorded = CASES / f"{kind}.paths"
    if regenerate:
        recorded.write_text("".join(f"{path}\n" for path in found))

    assert recorded.read_text().splitlines() == found


@pytest.mark.parametrize(("kind", "table", "row"), ROWS)
def test_each_row_matches_a_path_that_no_earlier_row_matches(kind: str, table: str, row: str) -> None:
    rows = getattr(BY_NAME[kind].rules, table).rows
    before = Table({key: True for key, _ in rows[: [key for key, _ in rows].index(row)]})
    # A later `Update` row applies to changes that earlier rows do not apply to.
    met = [p for p in shown(kind) if Table({row: True}).get(p) and (table == "updates" or p not in before)]

    assert met, "show it in tests/cases/rows, or delete the row"


@pytest.mark.figures
def test_every_live_rule_has_a_lab_test_or_a_reason() -> None:
    rows = rows_of(RULES.actions)

    assert NOT_RUN.keys() <= rows
    assert unserved(RULES.actions, GROUPS) == NOT_RUN.keys()
    print(f"{len(rows)} rows of the live table: {len(rows) - len(NOT_RUN)} run, {len(NOT_RUN)} not run")
    for row, reason in sorted(NOT_RUN.items()):
        print(f"  {row}: {reason}")


SPELLINGS: dict[scalars.Canonical, tuple[str, str]] = {
    scalars.address: ("FD00:0::0001", "fd00::1"),
    scalars.bitmap: ("0,1,2", "0-2"),
    scalars.hundredths: ("2.1", "2.10"),
    scalars.integer: ("064", "64"),
    scalars.lower: ("52:54:00:AA:BB:CC", "52:54:00:aa:bb:cc"),
    scalars.number: ("0x0a", "10"),
    scalars.octal: ("711", "0711"),
    scalars.path: ("/srv//images/", "/srv/images"),
    scalars.stripped: (" word ", "word"),
    scalars.uuid: ("81FF0D90C91E674264DA4A736EDB9A9B", "81ff0d90-c91e-6742-64da-4a736edb9a9b"),
}
"""A spelling in a spec, and that of libvirt."""
OF_ITS_OWN = {"devices/disk/source/@name": ("iqn.2013-07.com.example:a", "iqn.2013-07.com.example:a/0")}
"""The same for rows with an individual spelling."""
ACCEPTED = {"os/type/@machine": ("q35", "pc-q35-7.2", "pc-i440fx-7.2")}
"""A value of a spec, an accepted answer of libvirt, and one that is not."""
SCALARS = [(k.name, row, scalar) for k in KINDS for row, scalar in k.rules.scalars.rows]
MEASURES = [(k.name, row, measure) for k in KINDS for row, measure in k.rules.measures.rows]


def holding(path: str, value: str) -> Node:
    """Return a definition with a value at a path."""
    tags, _, name = (
        path.replace("**", "any").replace("*", "any").rpartition("@") if "@" in path else (path, "", "")
    )
    steps = tags.replace("*", "any").strip("/").split("/")
    node = make(steps[-1], {name: value}) if name else make(steps[-1], text=value)
    for tag in reversed(steps[:-1]):
        node = make(tag, children=(node,))
    return make("root", children=(node,)) if steps != [""] else node


@pytest.mark.parametrize(("kind", "row", "scalar"), SCALARS)
def test_different_spelling_of_a_value_is_not_a_change(kind: str, row: str, scalar: Scalar) -> None:
    ours, libvirts = OF_ITS_OWN[row] if row in OF_ITS_OWN else SPELLINGS[scalar.canonical]
    rules = BY_NAME[kind].rules

    assert ours != libvirts
    assert is_satisfied_by(holding(row, ours), holding(row, libvirts), rules)
    assert scalar.accepts or not is_satisfied_by(holding(row, ours), holding(row, f"{libvirts}7"), rules)


@pytest.mark.parametrize("row", [row for _, row, scalar in SCALARS if scalar.accepts and "machine" in row])
def test_accepted_actual_value_satisfies_the_desired_value(row: str) -> None:
    asked, answered, other = ACCEPTED[row]
    rules = BY_NAME["Domain"].rules

    assert is_satisfied_by(holding(row, asked), holding(row, answered), rules)
    assert not is_satisfied_by(holding(row, asked), holding(row, other), rules)


@pytest.mark.parametrize(("kind", "row", "measure"), MEASURES)
def test_same_size_in_another_unit_is_not_a_change(kind: str, row: str, measure: Measure) -> None:
    def sized(number: str, unit: str) -> Node:
        name = measure.value.removeprefix("@")
        path = row.replace("**", "any").replace("*", "any").split("/")
        node = make(path[-1], {"unit": unit} | ({name: number} if name else {}), "" if name else number)
        for tag in reversed(path[:-1]):
            node = make(tag, children=(node,))
        return make("root", children=(node,))

    rules = BY_NAME[kind].rules
    assert is_satisfied_by(sized("1", "MiB"), sized("1024", "KiB"), rules)
    assert not is_satisfied_by(sized("2", "MiB"), sized("1024", "KiB"), rules)
