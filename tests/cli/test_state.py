"""What a command says of the state that it is given, and what it refuses for it."""

from contextlib import closing

import pytest

from kvmreconcile.host.connection import connect
from kvmreconcile.model import HostId
from kvmreconcile.state import State
from tests.cli.conftest import URI, Host

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
    assert result.stdout == f"the state belongs to {here} now\n"
    assert bound(host) == here
    assert "accept the state by " in host.run("history").stdout
