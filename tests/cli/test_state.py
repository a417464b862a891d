"""What a command says of the state that it is given, and what it refuses for it."""

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


def test_acceptance_without_a_daemon_is_written_down_with_who_gave_it(host: Host, here: HostId) -> None:
    result = host.run("state", "accept", "--why", "a new board")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"the state belongs to {here} now")
    assert bound(host) == here
    assert "accept the state by " in host.run("history").stdout


def bind(host: Host, to: HostId = OTHER) -> None:
    """Have the state belong to a host."""
    with closing(State.open(host.state)) as state:
        state.binding.bind(to)


@pytest.mark.case("14")
def test_state_is_bound_by_the_first_command_that_does_something(host: Host, here: HostId) -> None:
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
    # Of what is remembered, and of what is wanted, nothing is on this host.
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
def test_history_of_another_host_is_shown_and_says_so(host: Host, here: HostId) -> None:
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
def test_state_that_was_accepted_is_planned_with(host: Host, here: HostId) -> None:
    host.write("a.yaml", network("lab"))
    bind(host)

    accepted = host.run("state", "accept")

    assert accepted.stdout.startswith(f"the state belongs to {here} now, and no longer to {OTHER}")
    assert host.run("apply", str(host.specs), "--yes").exit_code == 0
    assert [n.name() for n in host.virt.listAllNetworks()] == ["lab"]
