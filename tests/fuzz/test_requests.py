"""Test that mutated requests to the control socket cause no crash, and that the next request is answered."""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from structlog.testing import capture_logs

from kvmreconcile.control import guard, server
from tests.control.served import Served, request, status_of
from tests.fuzz.mutations import by_bytes

REQUESTS, ALL_REQUESTS = 300, 5000
JSON = {"Content_Type": "application/json"}
SEEDS = (
    request("GET /v1/status"),
    request("GET /v1/objects/Domain/web"),
    request("GET /metrics"),
    request("GET /v1/openapi.json"),
    request(
        "POST /v1/suspend", b'{"key": "Domain/web", "until": "2099-01-01T00:00:00Z", "why": "a copy"}', **JSON
    ),
    request("POST /v1/resume", b'{"all": true}', **JSON),
    request("POST /v1/reconcile", b'{"key": "Domain/web"}', **JSON),
    request("POST /v1/hooks/git", b'{"ref": "refs/heads/main"}', X_Hub_Signature_256="sha256=00", **JSON),
)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    # The server waits for a body that is shorter than its Content-Length.
    monkeypatch.setattr(server, "REQUEST_S", 0.1)
    monkeypatch.setattr(guard, "BODY_S", 0.1)
    served = Served(tmp_path)
    served.open()
    yield served
    served.close()


@pytest.mark.figures
@pytest.mark.timeout(600)
def test_mutated_request_is_answered_or_refused_and_the_next_request_is_served(
    served: Served, pytestconfig: pytest.Config
) -> None:
    dice, answers = Random(21), Counter[int]()
    count = ALL_REQUESTS if pytestconfig.getoption("--full") else REQUESTS

    with capture_logs() as lines:
        for number in range(count):
            sent = by_bytes(dice.choice(SEEDS), dice)
            with served.dial() as connection:
                connection.settimeout(2)
                with suppress(BrokenPipeError):
                    connection.sendall(sent)
                answer = _answer(connection)
            answers[status_of(answer)] += 1
            assert b"Traceback" not in answer, (number, sent)
            assert status_of(answer) < 500 or status_of(answer) == 503, (number, sent, answer)

    print(f"{count} requests, by status: {dict(answers)}")
    assert "door.crashed" not in {line["event"] for line in lines}
    assert served.client().get("/v1/status")["converged"] in (True, False)


def _answer(connection: socket.socket) -> bytes:
    found = b""
    with suppress(ConnectionResetError, TimeoutError):
        while more := connection.recv(65536):
            found += more
    return found
