"""
Send requests to a daemon through its control socket.

Only Python's standard library is used, so that the command line starts quickly.
"""

import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from kvmreconcile.control.socket_path import socket_path
from kvmreconcile.control.target import target_headers
from kvmreconcile.errors import Forbidden, NoDaemon, NotKnown, NotNow, OrderError, Problem
from kvmreconcile.model.commands import quote
from kvmreconcile.settings.settings import Settings

_TIMEOUT_S = 70.0
"""Longer than the longest time that the daemon takes to answer a request."""
_LONGEST = 256 << 20
"""Maximum size of an answer in bytes; the status of 10,000 objects has 10 million bytes."""
_QUEUE_S, _PAUSE_S = 5.0, 0.02
_ERRORS: Mapping[int, type[OrderError]] = {403: Forbidden, 404: NotKnown, 409: NotNow}


class _Connection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("kvmreconcile", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(self.timeout)
        give_up_s = time.monotonic() + _QUEUE_S
        while True:
            try:
                self.sock.connect(str(self._path))
            except BlockingIOError:
                # The socket's queue of waiting connections is full (connect(2), EAGAIN).
                if time.monotonic() > give_up_s:
                    raise
                time.sleep(_PAUSE_S)
            else:
                return


class Client:
    """
    A client of the daemon that runs with the same settings.

    Args:
        timeout_s: How long to wait for an answer, in seconds.
    """

    def __init__(self, settings: Settings, timeout_s: float = _TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._path = socket_path(settings)
        self._target_headers = target_headers(settings)
        is_first = settings.instance == Settings.model_fields["instance"].default
        self._unit = "kvmreconcile" if is_first else f"kvmreconcile@{settings.instance}"

    def get(self, path: str) -> Any:
        """
        Return the JSON document at a URL path, such as "/v1/status".

        Raises:
            NoDaemon: No daemon answers.
            OrderError: The daemon refuses the request; the error contains the reason.
        """
        return self._request("GET", path, None)

    def order(self, order: str, body: Mapping[str, object]) -> str:
        """
        Send an order to the daemon, and return a description of the result.

        Args:
            order: The URL path of the order below "/v1/", such as "suspend".
            body: The JSON body.

        Raises:
            NoDaemon: No daemon answers.
            OrderError: The daemon refuses the order; the error contains the reason.
        """
        return str(self._request("POST", f"/v1/{order}", dict(body)).get("said", ""))

    def _request(self, method: str, path: str, body: dict[str, object] | None) -> Any:
        if self._path is None:
            todo = "set control.socket"
            raise NoDaemon(Problem("control.socket", "this instance has no control socket", todo))
        connection = _Connection(self._path, self._timeout_s)
        content = json.dumps(body) if body is not None else None
        headers = self._target_headers | ({"Content-Type": "application/json"} if content is not None else {})
        try:
            # A daemon at its connection limit answers without reading and closes, so sending may fail.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, content, headers)
            response = connection.getresponse()
            answer = json.loads(_read_body(response))
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            todo = (
                "if the daemon runs, name its settings with --config, or look for door.closed in its log; "
                f"otherwise start the daemon: systemctl start {quote(self._unit)}"
            )
            raise self._no_daemon("no daemon listens on this socket", todo) from None
        except PermissionError:
            todo = "run the command as root, or as a user who may write to the socket (control.group, control.mode)"
            what = "no permission to connect to the socket"
            raise Forbidden(Problem(str(self._path), what, todo)) from None
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            what = f"no usable answer from the daemon: {error}"
            raise self._no_daemon(what, "the daemon's log may say why") from None
        finally:
            connection.close()
        if response.status >= 400:
            raise _order_error(response.status, answer)
        return answer

    def _no_daemon(self, what: str, todo: str) -> NoDaemon:
        return NoDaemon(Problem(str(self._path), what, todo))


def _read_body(response: HTTPResponse) -> bytes:
    """
    Return the complete body of an answer.

    Raises:
        ValueError: The answer is larger than the maximum size.
    """
    answer = response.read(_LONGEST + 1)
    if len(answer) > _LONGEST:
        raise ValueError(f"the answer is larger than {_LONGEST >> 20} MiB")
    return answer


def _order_error(status: int, answer: Any) -> OrderError:
    problem = answer.get("error", {}) if isinstance(answer, dict) else {}
    words = (str(problem.get(name, "")) for name in ("where", "what", "todo"))
    return _ERRORS.get(status, OrderError)(Problem(*words))
