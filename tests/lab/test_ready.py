"""A started guest is awaited until it is ready, and its dependents wait as well."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kvmreconcile.errors import NotYet, Unsupported
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.kinds.domain.calls import readiness
from kvmreconcile.kinds.domain.driver import DomainDriver
from kvmreconcile.model import Action, Key, Lifecycle, Policy, Ready, Reason
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect
from tests.lab.guest import BOOTED, EMPTY, GuestFiles, ask_agent, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.session import NETWORK, Session


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    """A host without specs."""
    return Session(lab, tmp_path)


def guest(session: Session, files: GuestFiles, name: str, *more: str) -> None:
    """Write the spec of a tiny guest."""
    session.write(
        f"{name}.yaml", BOOTED.format(name=name, files=files) + "".join(f"  {line}\n" for line in more)
    )


def empty(session: Session, name: str, *more: str) -> None:
    """Write the spec of a guest that boots nothing."""
    session.write(f"{name}.yaml", EMPTY.format(name=name) + "".join(f"  {line}\n" for line in more))


def state(session: Session, name: str) -> str:
    return session.lab.virsh("domstate", name).strip()


def test_start_of_a_guest_is_complete_when_its_agent_answers(
    session: Session, guest_files: GuestFiles
) -> None:
    guest(session, guest_files, "web", "ready: {agent: true}")

    session.converge()

    assert ask_agent(session.lab, "web", "guest-ping") == {}
    session.assert_in_sync()


def test_dependent_guest_is_started_once_its_prerequisite_is_ready(
    session: Session, guest_files: GuestFiles
) -> None:
    guest(session, guest_files, "db", "ready: {agent: true}")
    empty(session, "app", "startAfter: [db]")

    said = session.converge().stderr

    assert ask_agent(session.lab, "db", "guest-ping") == {}
    assert state(session, "app") == "running"
    assert said.index("ready Domain/db") < said.index("start Domain/app")
    session.assert_in_sync()


def test_unready_guest_keeps_running_and_holds_dependents(session: Session, guest_files: GuestFiles) -> None:
    empty(session, "web", "ready: {agent: true, timeout: 1s}")
    empty(session, "app", "startAfter: [web]")
    empty(session, "other")

    # This also applies when it was not just started.
    for result in (session.apply(), session.apply()):
        assert result.exit_code == 1
        assert "Domain/web: not ready within 1 s: agent: " in result.output
        assert "agent is not connected" in result.output
        assert '"ready" of Domain/web failed' in result.output
        assert [state(session, name) for name in ("web", "app", "other")] == [
            "running",
            "shut off",
            "running",
        ]


@pytest.fixture
def connection(lab: Lab) -> Iterator[Connection]:
    with connect(lab.uri) as connection:
        yield connection


def check_readiness(connection: Connection, wanted: Ready, name: str = "web") -> str:
    """Check once whether a guest is ready; return the reason why not, "" if it is."""
    policy = Policy(lifecycle=Lifecycle(ready=wanted))
    action = Action(Key("Domain", name), verb_of("ready"), Effect.LIVE, Reason.NEW, policy=policy)
    try:
        DomainDriver().perform(connection, action)
    except NotYet as error:
        return error.why
    return ""


def test_guest_with_a_lease_and_a_successful_command_is_ready(
    session: Session, guest_files: GuestFiles, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_COMMAND_S", 0.5)
    session.write("lan.yaml", NETWORK)
    showing = "ready: {lease: true, command: [/bin/grep, -q, tiny, /proc/sys/kernel/hostname]}"
    guest(session, guest_files, "web", "interfaces: [{name: lan, network: lan}]", showing)

    session.converge()

    assert "ipv4" in session.lab.virsh("domifaddr", "web", "--source", "lease")
    assert check_readiness(connection, Ready(command=("/bin/true",))) == ""
    assert (
        check_readiness(connection, Ready(command=("/bin/sh", "-c", "exit 3")))
        == "command: /bin/sh ended with exit status 3"
    )
    assert (
        check_readiness(connection, Ready(command=("/bin/sh", "-c", "kill -9 $$")))
        == "command: /bin/sh ended with signal 9"
    )
    assert (
        check_readiness(connection, Ready(command=("/bin/sleep", "2")))
        == "command: /bin/sleep did not finish within 0.5 s"
    )
    assert "No such file" in check_readiness(connection, Ready(command=("/bin/none",)))
    assert (
        check_readiness(connection, Ready(port=7, address="127.0.0.1"))
        == "tcp: 127.0.0.1 port 7: Connection refused"
    )


def test_guest_is_ready_once_it_accepts_connections_at_its_leased_address(
    session: Session, guest_files: GuestFiles
) -> None:
    session.write("lan.yaml", NETWORK)
    guest(session, guest_files, "web", "interfaces: [{name: lan, network: lan}]", "ready: {tcp: 7777}")
    # Its address belongs to the lab, and is reachable only from there.
    words = session.words("apply", "--yes", str(session.specs))

    with ThreadPoolExecutor(1) as pool:
        apply = pool.submit(session.lab.exec, sys.executable, "-m", "kvmreconcile", *words)
        wait_for_agent(session.lab, "web")
        assert not apply.done()
        ask_agent(session.lab, "web", "guest-exec", path="/bin/httpd", arg=["-p", "7777"])
        apply.result()

    session.assert_in_sync()


def test_missing_lease_address_or_agent_is_reported_as_the_reason(
    session: Session, connection: Connection
) -> None:
    empty(session, "web")
    empty(session, "deaf", "agent: false")
    session.converge()

    assert check_readiness(connection, Ready(lease=True)) == "lease: no DHCP lease from a libvirt network"
    assert "agent is not connected" in check_readiness(connection, Ready(port=22))
    with pytest.raises(Unsupported, match="agent is not configured"):
        check_readiness(connection, Ready(agent=True), "deaf")
    session.lab.virsh("destroy", "web")
    assert check_readiness(connection, Ready(lease=True)) == "it is off"
