"""Commands with a state of another host, a lost state or a damaged one."""

import html
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from kvmreconcile.host.connection import connect
from kvmreconcile.model import HostId
from kvmreconcile.state import State
from tests.cli.conftest import URI, Host, network

OTHER = HostId("2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0002", "qemu:///system")


def bound(host: Host) -> HostId | None:
    with closing(State.open_readonly(host.state)) as state:
        return state.binding.host()


@pytest.fixture
def here() -> HostId:
    with connect(URI) as connection:
        return connection.identify()


def test_acceptance_without_daemon_is_recorded_with_its_user(host: Host, here: HostId) -> None:
    result = host.run("state", "accept", "--why", "a new board")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"the state now belongs to {here}")
    assert bound(host) == here
    assert "accept the state by " in host.run("history").stdout


def bind(host: Host, to: HostId = OTHER) -> None:
    """Bind the state to a host."""
    with closing(State.open(host.state)) as state:
        state.binding.bind(to)


@pytest.mark.case("14")
def test_state_is_bound_by_the_first_changing_command(host: Host, here: HostId) -> None:
    host.write("a.yaml", network("lab"))

    host.run("plan", str(host.specs))
    assert not host.state.exists()
    host.run("apply", str(host.specs))
    assert bound(host) is None
    host.run("apply", str(host.specs), "--yes")
    assert bound(host) == here


@pytest.mark.case("14")
@pytest.mark.parametrize(
    "words",
    [
        ("plan", "SPECS"),
        ("plan", "SPECS", "-o", "json"),
        ("apply", "SPECS", "--yes", "--prune", "auto", "--max-effect", "data-loss"),
        ("diff", "Network/lab", "SPECS"),
        ("adopt", "Network/lab"),
        ("adopt", "Network/lab", "--dry-run"),
        ("suspend", "Network/lab"),
        ("resume", "Network/lab"),
    ],
    ids=" ".join,
)
def test_state_of_another_host_is_refused_and_nothing_is_planned_or_done(
    host: Host, here: HostId, words: tuple[str, ...]
) -> None:
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")
    bind(host)
    # No object of the state or of the specs is on this host.
    (lab,) = host.virt.listAllNetworks()
    lab.destroy()
    lab.undefine()

    result = host.run(*(word.replace("SPECS", str(host.specs)) for word in words))

    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"this state belongs to {OTHER}, and {URI} is {here}" in result.stderr
    assert "kvmreconcile state accept" in result.stderr
    assert host.virt.listAllNetworks() == []
    assert bound(host) == OTHER
    with closing(State.open_readonly(host.state)) as state:
        assert list(map(str, state.applied())) == ["Network/lab"]
        assert state.suspended() == {}


@pytest.mark.case("14")
def test_history_of_another_host_is_shown_with_a_warning(host: Host, here: HostId) -> None:
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")
    bind(host)

    result = host.run("history")

    assert result.exit_code == 0
    assert "create Network/lab" in result.stdout
    assert f"this state belongs to {OTHER}, and {URI} is {here}" in result.stderr


@pytest.mark.case("14")
def test_history_needs_no_libvirt(host: Host) -> None:
    bind(host)

    result = host.run("--connect", "qemu:///system?socket=/nonexistent/sock", "history")

    assert result.exit_code == 0
    assert "belongs to" not in result.stderr


@pytest.mark.case("14")
def test_accepted_state_is_used_for_planning(host: Host, here: HostId) -> None:
    host.write("a.yaml", network("lab"))
    bind(host)

    accepted = host.run("state", "accept")

    assert accepted.stdout.startswith(f"the state now belongs to {here}, and no longer to {OTHER}")
    assert host.run("apply", str(host.specs), "--yes").exit_code == 0
    assert [n.name() for n in host.virt.listAllNetworks()] == ["lab"]


@pytest.fixture
def used(host: Host) -> Host:
    """A host with a suspended managed network, whose spec has changed since."""
    host.write("a.yaml", network("lab", "{autostart: false}"))
    assert host.run("apply", str(host.specs), "--yes").exit_code == 0
    assert host.run("suspend", "Network/lab", "--why", "it is being moved").exit_code == 0
    host.write("a.yaml", network("lab", "{autostart: true}"))
    return host


def autostart(host: Host, name: str = "lab") -> bool:
    """Return whether a network has autostart."""
    return bool(host.virt.networkLookupByName(name).autostart())


def lose_database(host: Host) -> None:
    for file in host.state.glob("state.sqlite3*"):
        file.unlink()


def empty_database(host: Host) -> None:
    lose_database(host)
    (host.state / "state.sqlite3").touch()


def damage_database(host: Host) -> None:
    lose_database(host)
    (host.state / "state.sqlite3").write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)


def lose_all(host: Host) -> None:
    shutil.rmtree(host.state)


LOSSES = (lose_database, empty_database, damage_database)


@pytest.mark.case("15a")
@pytest.mark.parametrize("lose", LOSSES)
def test_suspended_object_stays_suspended_after_loss_of_the_state_database(
    used: Host, lose: Callable[[Host], None]
) -> None:
    lose(used)
    approved = used.run("plan", str(used.specs)).stdout.split()[-1]

    for words in (("plan",), ("apply", "--yes"), ("apply", "--approve", approved), ("plan",)):
        result = used.run(words[0], str(used.specs), *words[1:])
        assert "held: it is suspended" in result.stdout
        assert "it is being moved" in result.stdout
        assert not autostart(used)
    assert used.run("resume", "Network/lab").exit_code == 0
    assert used.run("apply", str(used.specs), "--yes").exit_code == 0
    assert autostart(used)


@pytest.mark.case("15a")
@pytest.mark.parametrize("lose", LOSSES)
def test_lost_database_is_reported(used: Host, lose: Callable[[Host], None]) -> None:
    lose(used)
    lost = f"{used.state}/state.sqlite3 is "

    for words in (("plan", str(used.specs)), ("diff", "Network/lab", str(used.specs)), ("history",)):
        assert used.run(*words).stderr.startswith(f"kvmreconcile: {lost}"), words
    assert lost in used.run("apply", str(used.specs), "--yes").stderr
    assert lost in used.run("history").stdout
    assert lost not in used.run("plan", str(used.specs)).stderr


@pytest.mark.case("15b")
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("plan", "SPECS"), 0),
        (("plan", "SPECS", "--detailed-exitcode"), 3),
        (("plan", "SPECS", "-o", "json"), 0),
        (("plan", "SPECS", "-o", "markdown"), 0),
        (("apply", "SPECS", "--yes", "--max-effect", "data-loss", "--prune", "auto"), 3),
        (("diff", "Network/lab", "SPECS"), 0),
        (("adopt", "Network/lab"), 1),
        (("history",), 0),
        (("suspend", "Network/other"), 0),
        (("resume", "Network/other"), 0),
    ],
    ids=str,
)
@pytest.mark.parametrize("lose", [lose_all, *LOSSES])
def test_lost_state_changes_nothing_and_every_command_reports_it(
    used: Host, lose: Callable[[Host], None], words: tuple[str, ...], status: int
) -> None:
    lose(used)
    (used.state / "suspensions.json").unlink(missing_ok=True)
    before = used.virt.networkLookupByName("lab").XMLDesc()

    for _ in range(2):
        result = used.run(*(word.replace("SPECS", str(used.specs)) for word in words))

        said = html.unescape(result.stdout).replace('\\"', '"') + result.stderr
        assert 'the state of instance "default" seems to be lost: ' in said
        assert "kvmreconcile state accept" in said
        assert result.exit_code == status
    assert used.virt.networkLookupByName("lab").XMLDesc() == before
    with closing(State.open_readonly(used.state)) as state:
        assert state.applied() == {}


@pytest.mark.case("15b")
def test_lost_state_is_released_by_acceptance_not_by_approval(used: Host) -> None:
    lose_all(used)
    digest = used.run("plan", str(used.specs)).stdout.split()[-1]

    approved = used.run("apply", str(used.specs), "--approve", digest)
    assert approved.exit_code == 3
    assert not autostart(used)

    accepted = used.run("state", "accept")
    assert "if an earlier state was lost, its suspensions are not restored" in accepted.stdout
    assert used.run("apply", str(used.specs), "--yes").exit_code == 0
    assert autostart(used)
    assert used.run("plan", str(used.specs), "--detailed-exitcode").exit_code == 0


@pytest.mark.case("15b")
def test_new_object_is_created_and_managed_while_the_state_is_lost(used: Host) -> None:
    lose_all(used)
    used.write("b.yaml", network("dmz", "{autostart: false}"))

    assert used.run("apply", str(used.specs), "--yes").exit_code == 3
    assert {n.name() for n in used.virt.listAllNetworks()} == {"lab", "dmz"}
    used.write("b.yaml", network("dmz", "{autostart: true}"))
    again = used.run("apply", str(used.specs), "--yes")

    assert again.exit_code == 3
    assert "(Network/lab)" in again.stdout
    assert autostart(used, "dmz")
    assert not autostart(used)


@pytest.mark.case("15b")
def test_other_state_directory_is_treated_as_lost_state(used: Host) -> None:
    elsewhere = used.specs.parent / "elsewhere"

    result = used.run("--state", str(elsewhere), "plan", str(used.specs))

    assert "set its directory with --state" in result.stdout
    assert "held: it is suspended" in used.run("plan", str(used.specs)).stdout
    assert not elsewhere.exists()


@pytest.mark.case("15b")
def test_host_with_only_unmanaged_objects_counts_as_new(host: Host) -> None:
    host.virt.networkDefineXML("<network><name>theirs</name></network>")
    host.write("a.yaml", network("lab"))

    for _ in range(2):
        result = host.run("apply", str(host.specs), "--yes")
        assert result.exit_code == 0
        assert "lost" not in result.output


@pytest.mark.case("15b")
def test_truncated_state_never_plans_changes_of_suspended_object(used: Host) -> None:
    chance = random.Random(15)
    files = {name: (used.state / name).read_bytes() for name in ("state.sqlite3", "suspensions.json")}

    for number in range(60):
        shutil.rmtree(used.state)
        used.state.mkdir()
        for name, content in files.items():
            cut = chance.choice([0, chance.randrange(len(content)), len(content)])
            (used.state / name).write_bytes(content[:cut])
        made = used.run("plan", str(used.specs), "-o", "json")
        done = used.run("apply", str(used.specs), "--yes", "--max-effect", "data-loss")

        assert made.exit_code == 0, (number, made.output)
        assert json.loads(made.stdout)["actions"] == [], number
        assert done.exit_code == 3, (number, done.output)
        assert not autostart(used), number


@pytest.mark.case("26d")
def test_object_with_unreadable_row_is_not_changed_and_other_objects_are(host: Host) -> None:
    for name in ("lab", "dmz"):
        host.write(f"{name}.yaml", network(name))
    assert host.run("apply", str(host.specs), "--yes").exit_code == 0
    with closing(sqlite3.connect(host.state / "state.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE applied SET tree = '[1]' WHERE name = 'lab'")
    for name in ("lab", "dmz"):
        host.write(f"{name}.yaml", network(name, "{autostart: true}"))

    done = host.run("apply", str(host.specs), "--yes")

    assert host.virt.networkLookupByName("dmz").autostart()
    assert not host.virt.networkLookupByName("lab").autostart()
    assert "the record of Network/lab in table applied cannot be read" in done.output
    assert "restore the state database from a backup, or move it away" in done.output
