"""Serve a receiver of notifications on this machine, which accepts or refuses them or does not answer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any

WITHIN_S = 60


@dataclass
class Http:
    """
    The received notifications in order, and the answer to them.

    Attributes:
        status: HTTP status of each answer; None means no answer until the server closes.
    """

    status: int | None = 200
    port: int = 0
    came: "SimpleQueue[dict[str, Any]]" = field(default_factory=SimpleQueue)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The URL for apprise, with a password."""
        return f"json://user:hunter2@127.0.0.1:{self.port}/token-s3cr3t"

    def next(self) -> dict[str, Any]:
        """Wait for the next notification."""
        return self.came.get(timeout=WITHIN_S)

    def is_quiet(self, for_s: float) -> bool:
        """Return whether no notification arrives in this time."""
        try:
            self.came.get(timeout=for_s)
        except Empty:
            return True
        return False


@contextmanager
def http() -> Iterator[Http]:
    """Serve until the block ends."""
    receiver = Http()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.came.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if receiver.status is None:
                receiver.over.wait(WITHIN_S)
                return
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.over.set()
            server.shutdown()
            thread.join()
