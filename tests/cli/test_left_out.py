"""Files that are not read: messages about them, and plans for objects whose spec they had."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Host, network

pytestmark = pytest.mark.case("46")

COMPOSE = "services:\n  web: {image: nginx}\n"
STOPPED = "{state: stopped}"


def ignore(host: Host, *lines: str) -> None:
    (host.specs / ".kvmreconcileignore").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def kept(host: Host) -> Host:
    """Return a host with two networks, one with its spec in old/b.yaml."""
    (host.specs / "old").mkdir()
    host.write("a.yaml", network("a", STOPPED))
    host.write("old/b.yaml", network("b", STOPPED))
    assert host.run("apply", "--yes", str(host.specs)).exit_code == 0
    return host


def test_file_of_another_program_is_reported_as_warning_by_each_command(host: Host) -> None:
    host.write("a.yaml", network("a", STOPPED))
    host.write("compose.yaml", COMPOSE)
    warning = f"warning: {host.specs}/compose.yaml: looks like a Docker Compose file and was skipped; "
    warning += "move the file out of the directory of specs, or list it in .kvmreconcileignore there; if the file was named explicitly, name another file\n"

    validated = host.run("validate", str(host.specs))
    assert (validated.exit_code, validated.stdout) == (0, "1 object in 1 file is valid\n")
    assert validated.stderr == warning

    planned = host.run("plan", str(host.specs))
    assert (planned.exit_code, planned.stderr) == (0, warning)

    (note,) = json.loads(host.run("plan", "-o", "json", str(host.specs)).stdout)["notes"]
    assert note == {
        "where": f"{host.specs}/compose.yaml",
        "what": "looks like a Docker Compose file and was skipped",
        "todo": "move the file out of the directory of specs, or list it in .kvmreconcileignore there; if the file was named explicitly, name another file",
    }
    assert "**Warning:** " in host.run("plan", "-o", "markdown", str(host.specs)).stdout

    applied = host.run("apply", "--yes", str(host.specs))
    assert applied.exit_code == 0
    assert warning in applied.stderr


@pytest.mark.parametrize(
    "left_out",
    [
        lambda _host: None,
        lambda host: host.write("compose.yaml", COMPOSE),
        lambda host: host.write("n.yaml", network("n")) and host.write(".kvmreconcileignore", "n.yaml\n"),
        lambda host: host.write("n.txt", network("n")),
        lambda host: host.write("empty.yaml", "# nothing yet\n"),
    ],
)
def test_directory_without_a_spec_fails(host: Host, left_out: Callable[[Host], object]) -> None:
    left_out(host)

    for command in (["validate"], ["plan"], ["apply", "--yes"]):
        result = host.run(*command, str(host.specs))

        assert result.exit_code == 1
        assert f"{host.specs}: no spec was found in " in result.output


HIDE: dict[str, tuple[Callable[[Path], object], str]] = {
    "foreign": (lambda specs: (specs / "old/b.yaml").write_text(COMPOSE), "looks like a Docker Compose file"),
    "ignored": (
        lambda specs: (specs / ".kvmreconcileignore").write_text("b.yaml\n"),
        "is excluded by .kvmreconcileignore",
    ),
    "in an ignored directory": (
        lambda specs: (specs / ".kvmreconcileignore").write_text("old/\n"),
        "is excluded by .kvmreconcileignore",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("hide", "why"), HIDE.values(), ids=HIDE)
def test_object_is_held_despite_approval_while_its_spec_file_is_not_read(
    kept: Host, hide: Callable[[Path], object], why: str
) -> None:
    hide(kept.specs)

    planned = json.loads(kept.run("plan", "-o", "json", str(kept.specs)).stdout)

    assert planned["actions"] == []
    (held,) = planned["held"]
    assert (held["key"], held["verb"], held["hold"]) == ("Network/b", "remove", "unread")
    assert f"the last known spec was in {kept.specs}/old/b.yaml, which " in held["detail"]
    assert why in held["detail"]
    for more in (["--yes", "--prune", "auto"], ["--approve", planned["digest"]]):
        assert kept.run("apply", *more, str(kept.specs)).exit_code == 3
    assert {n.name() for n in kept.virt.listAllNetworks()} == {"a", "b"}


def test_spec_file_is_recognized_through_a_link(kept: Host) -> None:
    (kept.specs / "old/b.yaml").write_text("# nothing any more\n")
    link = kept.specs.with_name("link")
    link.symlink_to(kept.specs)

    assert "held: removal needs approval" in kept.run("plan", str(link)).stdout

    (kept.specs / "old/b.yaml").write_text(COMPOSE)
    assert "held: the file of the last spec was not read" in kept.run("plan", str(link)).stdout


def test_object_is_held_while_its_spec_file_is_malformed(kept: Host) -> None:
    (kept.specs / "old/b.yaml").write_text("[")

    assert "held: specs or state are incomplete" in kept.run("plan", str(kept.specs)).stdout


def test_object_can_be_removed_after_its_file_or_document_was_deleted(kept: Host) -> None:
    (kept.specs / "old/b.yaml").unlink()
    result = kept.run("plan", str(kept.specs))
    assert "held: removal needs approval" in result.stdout

    (kept.specs / "old/b.yaml").write_text("# nothing any more\n")
    assert kept.run("plan", str(kept.specs)).stdout == result.stdout


def test_moved_spec_belongs_to_its_new_file(kept: Host) -> None:
    (kept.specs / "old/b.yaml").rename(kept.specs / "c.yaml")
    assert kept.run("apply", "--yes", str(kept.specs)).exit_code == 0
    (kept.specs / "old/b.yaml").write_text(COMPOSE)
    ignore(kept, "c.yaml", "old/")

    result = kept.run("plan", str(kept.specs))

    assert (
        f"(the last known spec was in {kept.specs}/c.yaml, which is excluded by .kvmreconcileignore)"
        in result.stdout
    )


def test_spec_that_is_restored_is_reconciled_again(kept: Host) -> None:
    ignore(kept, "old/")
    assert kept.run("apply", "--yes", str(kept.specs)).exit_code == 3

    ignore(kept)
    assert "Nothing to do" in kept.run("plan", str(kept.specs)).stdout
