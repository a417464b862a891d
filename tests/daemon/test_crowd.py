"""A user of the host opens thousands of connections: specs are still read, and operators are answered."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.control.served import certificate, dial_tls, free_port, request, status_of
from tests.daemon.test_control import Host

NOBODY = 65534
COUNT, ALL_COUNT = 300, 1500
FOR_S, ALL_FOR_S = 4, 60
WITHIN_S = 1.0
MOST_LINES = 100

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
    pytest.mark.case("21"),
    pytest.mark.case("22"),
]


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, int, Path]]:
    """A daemon with a socket and a TCP listener that all users can reach."""
    trusted, key = certificate(tmp_path_factory.mktemp("tls"))
    # Not below pytest's own directories, which only root can traverse.
    with TemporaryDirectory(dir="/var/tmp") as directory:
        home, port = Path(directory), free_port()
        home.chmod(0o755)
        tokens = home / "tokens"
        tokens.write_text(f"alice viewer {'v' * 20}\n")
        tokens.chmod(0o600)
        tcp = f"{{listen: '127.0.0.1:{port}', certificate: {trusted}, key: {key}, tokens: {tokens}, names: [kvm1]}}"
        control = f"{{socket: {home}/control.sock, mode: '0666', tcp: {tcp}}}"
        host = Host(home, {"KVMRECONCILE_CONTROL": control})
        (home / "specs").mkdir()
        host.spec("lab")
        host.start()
        yield host, port, trusted
        host.popens[-1].kill()
        host.popens[-1].wait()


def handles(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def ready(port: int, trusted: Path) -> float:
    """Ask whether the daemon is ready, and return how long that took in seconds."""
    began_s, answer = time.monotonic(), b""
    with dial_tls(port, trusted) as connection:
        connection.sendall(request("GET /readyz"))
        while more := connection.recv(4096):
            answer += more
    assert status_of(answer) == 200
    return time.monotonic() - began_s


def order(host: Host, word: str) -> float:
    """Give an order, and return how long that took in seconds."""
    began_s = time.monotonic()
    assert host.run(word, "Network/lab").exit_code == 0
    return time.monotonic() - began_s


@pytest.mark.figures
@pytest.mark.timeout(300)
def test_operators_are_served_while_user_floods_connections(
    host: tuple[Host, int, Path], pytestconfig: pytest.Config
) -> None:
    daemon, port, trusted = host
    is_full = pytestconfig.getoption("--full")
    count, for_s = (ALL_COUNT, ALL_FOR_S) if is_full else (COUNT, FOR_S)
    log, pid = daemon.home / "log", daemon.popens[-1].pid
    lines, before = len(log.read_text().splitlines()), handles(pid)
    words = (f"{daemon.home}/control.sock", str(port), str(count), str(NOBODY))
    flood = subprocess.Popen([sys.executable, "-m", "tests.daemon.crowd", *words])
    try:
        time.sleep(1)
        took_s: list[float] = []
        number, end_s = 0, time.monotonic() + for_s
        while time.monotonic() < end_s:
            took_s += [ready(port, trusted), order(daemon, "suspend"), order(daemon, "resume")]
            number += 1
            daemon.spec(f"new{number}")
            daemon.wait_until(lambda: daemon.conditions().get(f"Network/new{number}") == "Ready")  # noqa: B023  asked at once
            time.sleep(for_s / 10)
        descriptors = handles(pid)
    finally:
        flood.kill()
        flood.wait()

    log_lines = [line for line in log.read_text().splitlines()[lines:] if "door" in line]
    print(
        f"{count} connections for {for_s} s: {number} specs read; slowest answer {max(took_s):.2f} s of {len(took_s)};"
    )
    print(f"{descriptors} descriptors, {before} before; {len(log_lines)} lines about it in the log")
    assert max(took_s) < WITHIN_S
    assert len(log_lines) < MOST_LINES
    daemon.wait_until(lambda: handles(pid) <= before + 4)
