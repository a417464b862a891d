"""A plan removes only objects whose source of specs was read completely."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import Result

from kvmreconcile.state import State
from tests.cli.conftest import Host, network
from tests.origin import Origin

pytestmark = pytest.mark.case("54")


@pytest.fixture(autouse=True)
def _settings(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_SPECS", str(host.specs))
    monkeypatch.setenv("KVMRECONCILE_SETTLE", "{removal: 0s}")


def names(host: Host) -> set[str]:
    return {each.name() for each in host.virt.listAllNetworks()}


def fill(directory: Path, *objects: str) -> Path:
    """Write the specs of exactly these networks into a directory, one file each."""
    directory.mkdir(parents=True, exist_ok=True)
    for file in directory.iterdir():
        file.unlink()
    for name in objects:
        (directory / f"{name}.yaml").write_text(network(name))
    return directory


def planned(host: Host, *words: str) -> tuple[set[str], set[str]]:
    """Return the objects that a plan removes, held or not, and those it does not consider."""
    document = json.loads(host.run("plan", "-o", "json", *words).stdout)
    steps = [*document["actions"], *document["held"]]
    left = [name for each in document.get("notConsidered", []) for name in each["objects"]]
    return {s["name"] for s in steps if s["verb"] == "remove"}, {n.partition("/")[2] for n in left}


def applied(host: Host, *words: str) -> Result:
    result = host.run("apply", "--yes", *words)
    assert result.exit_code == 0, result.output
    return result


def digest(host: Host, *words: str) -> str:
    return str(json.loads(host.run("plan", "-o", "json", *words).stdout)["digest"])


def test_plan_of_another_directory_proposes_no_removal_and_says_so_in_one_line(
    host: Host, tmp_path: Path
) -> None:
    fill(host.specs, "a", "b", "c", "d")
    applied(host)
    other = fill(tmp_path / "other", "z")

    result = host.run("plan", str(other))
    done = applied(host, str(other), "--prune", "never")

    line = f"4 objects of other sources are not considered (Network/a, Network/b, Network/c and 1 more, from {host.specs})"
    assert f"{line}; plan and apply include their removal with --prune confirm.\n" in result.stdout
    assert "remove" not in result.stdout.replace("removal", "")
    assert "--approve" not in result.stdout
    assert "not considered" not in done.stdout
    assert names(host) == {"a", "b", "c", "d", "z"}
    assert planned(host) == (set(), {"z"})


def test_prune_lists_all_objects_and_removes_only_approved_ones(host: Host, tmp_path: Path) -> None:
    fill(host.specs, "a", "b")
    applied(host)
    other = str(fill(tmp_path / "other", "z"))
    applied(host, other)

    shown = host.run("plan", other, "--prune", "auto")
    unapproved = host.run("apply", other, "--yes", "--prune", "auto")

    for name in ("a", "b"):
        assert f"! Network/{name}  remove held: removal needs approval" in shown.stdout
    assert (
        shown.stdout.count(f"    note: its source of specs was not read, or only in part: {host.specs}\n")
        == 2
    )
    assert "not considered" not in shown.stdout
    assert unapproved.exit_code == 3
    assert names(host) == {"a", "b", "z"}

    approved = digest(host, other, "--prune", "confirm")
    host.run("apply", other, "--approve", approved)
    assert names(host) == {"a", "b", "z"}
    assert host.run("apply", other, "--approve", approved, "--prune", "confirm").exit_code == 0
    assert names(host) == {"z"}


def test_digest_does_not_depend_on_objects_of_other_sources(host: Host, tmp_path: Path) -> None:
    other = str(fill(tmp_path / "other", "z"))
    before = digest(host, other)
    fill(host.specs, "a")
    applied(host)

    assert digest(host, other) == before
    assert host.run("apply", other, "--approve", before).exit_code == 0
    assert names(host) == {"a", "z"}


@pytest.mark.parametrize("prune", ["confirm", "auto"])
def test_object_without_spec_in_its_own_source_can_be_removed(host: Host, prune: str) -> None:
    fill(host.specs, "a", "b")
    applied(host)
    fill(host.specs, "a")

    assert planned(host) == ({"b"}, set())
    approve = ("--approve", digest(host, "--prune", prune)) if prune == "confirm" else ("--yes",)
    assert host.run("apply", "--prune", prune, *approve).exit_code == 0
    assert names(host) == {"a"}


def test_source_has_the_same_name_from_any_working_directory(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(host.specs, "a", "b")
    monkeypatch.chdir(tmp_path)
    applied(host, "specs")
    fill(host.specs, "a")

    monkeypatch.chdir(host.specs)
    assert planned(host, ".") == ({"b"}, set())
    monkeypatch.chdir("/")
    assert planned(host, os.path.relpath(host.specs)) == ({"b"}, set())
    assert planned(host, f"{tmp_path}/state/../specs/") == ({"b"}, set())
    assert planned(host) == ({"b"}, set())


@pytest.mark.parametrize("part", ["a.yaml", "below"])
def test_plan_of_a_part_of_a_source_proposes_no_removal(host: Host, part: str) -> None:
    fill(host.specs, "a", "b")
    (host.specs / "below").mkdir()
    (host.specs / "below/c.yaml").write_text(network("c"))
    applied(host)

    assert planned(host, str(host.specs / part))[0] == set()

    # A spec that moves to a file that is not read keeps its source.
    applied(host, str(host.specs / part))
    (host.specs / part / "c.yaml" if part == "below" else host.specs / part).rename(host.specs / "moved.yaml")
    (host.specs / "below/z.yaml").write_text(network("z"))
    assert planned(host, str(host.specs / "below"))[0] == set()
    assert planned(host) == (set(), set())


def test_directory_above_a_source_includes_that_source(host: Host, tmp_path: Path) -> None:
    above = tmp_path / "clone"
    fill(above / "one", "a", "b")
    applied(host, str(above / "one"))
    fill(above / "one", "a")

    assert planned(host, str(above)) == ({"b"}, set())
    # After it was applied, reading a part of it does not show what was deleted.
    applied(host, str(above), "--prune", "never")
    fill(above / "one")
    fill(above / "two", "z")
    assert planned(host, str(above / "two")) == (set(), {"a", "b"})


def test_separately_applied_file_is_a_separate_source(host: Host, tmp_path: Path) -> None:
    fill(host.specs, "a")
    applied(host)
    file = tmp_path / "hotfix.yaml"
    file.write_text(f"{network('y')}---\n{network('z')}")
    applied(host, str(file))
    file.write_text(network("y"))

    assert planned(host, str(file)) == ({"z"}, {"a"})
    assert planned(host) == (set(), {"y", "z"})


def test_object_in_two_sources_belongs_to_the_source_applied_last(host: Host, tmp_path: Path) -> None:
    fill(host.specs, "a", "b")
    applied(host)
    other = fill(tmp_path / "other", "b", "z")
    applied(host, str(other))
    fill(host.specs, "a")

    assert planned(host) == (set(), {"b", "z"})
    fill(host.specs, "a", "b")
    applied(host)
    fill(other, "z")
    assert planned(host, str(other)) == (set(), {"a", "b"})


def test_moved_directory_keeps_its_objects_and_others_can_be_pruned(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(host.specs, "a", "b", "c")
    applied(host)
    moved = tmp_path / "moved"
    host.specs.rename(moved)
    fill(moved, "a", "b")
    monkeypatch.setenv("KVMRECONCILE_SPECS", str(moved))

    assert planned(host) == (set(), {"c"})
    applied(host)
    fill(moved, "a")

    assert planned(host) == ({"b"}, {"c"})
    assert planned(host, "--prune", "confirm") == ({"b", "c"}, set())


def test_link_changed_to_another_release_is_the_same_source(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "current"
    link.symlink_to(fill(tmp_path / "release-1", "a", "b"))
    monkeypatch.setenv("KVMRECONCILE_SPECS", str(link))
    applied(host)
    link.unlink()
    link.symlink_to(fill(tmp_path / "release-2", "a"))

    assert planned(host) == ({"b"}, set())
    # The target of the link is the configured source under another name.
    assert planned(host, str(tmp_path / "release-2")) == ({"b"}, set())
    assert planned(host, str(tmp_path / "release-1")) == (set(), set())
    fill(tmp_path / "release-1", "a")
    assert planned(host, str(tmp_path / "release-1")) == (set(), {"b"})


def test_source_of_a_repository_depends_on_its_url_and_not_its_ref(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Origin(tmp_path)
    (origin.path / "keep.yaml").write_text(network("keep"))
    origin.commit(network("drop"), name="drop.yaml")
    origin.git("tag", "v1")
    origin.git("rm", "--quiet", "drop.yaml")
    origin.git("commit", "--quiet", "--message=less")
    for ref in ("v1", "main"):
        monkeypatch.setenv("KVMRECONCILE_GIT", f"{{url: {origin.path}, ref: {ref}}}")
        assert host.run("fetch").exit_code == 0
        applied(host, "--prune", "never")

    assert planned(host) == ({"drop"}, set())
    assert planned(host, str(fill(tmp_path / "clone", "keep"))) == (set(), {"drop"})
    copy = tmp_path / "copy"
    origin.path.rename(copy)
    monkeypatch.setenv("KVMRECONCILE_GIT", f"{{url: {copy}}}")
    host.run("fetch")
    applied(host)

    assert planned(host) == (set(), {"drop"})
    assert f"from {origin.path})" in host.run("plan").stdout


def test_object_without_source_record_belongs_to_configured_source(host: Host, tmp_path: Path) -> None:
    fill(host.specs, "a", "b")
    applied(host)
    with closing(sqlite3.connect(host.state / "state.sqlite3")) as database, database:
        database.execute("DROP TABLE sources")
        database.executescript(
            "DROP TABLE owners; DROP TABLE elsewhere; ALTER TABLE history DROP COLUMN owner"
        )
        database.execute("DROP TABLE spec_files")
        for column in ("begun", "sealed"):
            database.execute(f"ALTER TABLE applied DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 9")
    fill(host.specs, "a")

    assert planned(host) == ({"b"}, set())
    assert planned(host, str(fill(tmp_path / "other", "z"))) == (set(), {"a", "b"})
    applied(host, "--prune", "never")
    with closing(State.open_readonly(host.state)) as state:
        assert list(map(str, state.sources.all())) == ["Network/a"]


def test_plan_proposes_no_removal_while_the_record_of_the_source_is_unreadable(host: Host) -> None:
    fill(host.specs, "a", "b")
    applied(host)
    with closing(sqlite3.connect(host.state / "state.sqlite3")) as database, database:
        database.execute("UPDATE sources SET roots = '[7]'")
    assert planned(host) == (set(), set())
    fill(host.specs, "a")
    assert planned(host) == (set(), {"b"})
    applied(host)
    fill(host.specs, "z")

    assert planned(host) == ({"a"}, {"b"})


def test_adopted_object_has_no_source_until_a_spec_names_it(host: Host) -> None:
    fill(host.specs, "a")
    applied(host)
    host.virt.networkDefineXML("<network><name>theirs</name></network>")
    file = host.specs.parent / "theirs.yaml"
    assert host.run("adopt", "Network/theirs", "-o", str(file)).exit_code == 0

    assert planned(host) == (set(), {"theirs"})
    assert "from an unknown source)" in host.run("plan").stdout
    file.rename(host.specs / "theirs.yaml")
    applied(host)
    (host.specs / "theirs.yaml").unlink()
    assert planned(host) == ({"theirs"}, set())


def test_only_option_records_the_source_of_the_selected_objects_only(host: Host, tmp_path: Path) -> None:
    fill(host.specs, "a")
    applied(host)
    other = fill(tmp_path / "other", "a", "z")
    applied(host, str(other), "--only", "Network/z")
    fill(host.specs, "b")

    assert planned(host) == ({"a"}, {"z"})


def test_recreated_object_belongs_to_its_new_source(host: Host, tmp_path: Path) -> None:
    fill(host.specs, "a", "b")
    applied(host)
    fill(host.specs, "a")
    host.run("apply", "--prune", "auto", "--yes")
    with closing(State.open_readonly(host.state)) as state:
        assert list(map(str, state.sources.all())) == ["Network/a"]
    other = fill(tmp_path / "other", "b")
    applied(host, str(other))

    assert planned(host) == (set(), {"b"})
