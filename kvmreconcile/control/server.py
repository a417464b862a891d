"""Serve an application on a socket with uvicorn, in a separate thread."""

import asyncio
import socket
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from kvmreconcile.control.callers import peer_of
from kvmreconcile.control.guard import Guard

HANDSHAKE_S = 5.0
"""How long the TLS handshake may take."""
REQUEST_S = 10.0
"""How long a client may take to send a request."""
IDLE_S = 60
"""How long an idle connection is kept."""
_END_S = 5.0


class _Protocol(H11Protocol):
    """HTTP protocol that identifies clients of a Unix socket, and aborts connections without a request."""

    _deadline: asyncio.TimerHandle | None = None

    @property
    def _is_answering(self) -> bool:
        # Before the first request the cycle is None, despite its annotation.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_UNIX:
            self.app_state = {**self.app_state, "peer": peer_of(connection)}
        self._deadline = self.loop.call_later(REQUEST_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and not self._is_answering:
            self._deadline = self.loop.call_later(REQUEST_S, self.transport.abort)
        super().data_received(data)
        if self._is_answering:
            self._cancel_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        super().connection_lost(exc)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    """A uvicorn server that wakes up only for requests; the original wakes up ten times per second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_requested = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.config.is_ssl:
            # uvicorn has no setting for this time, and asyncio's default is a minute.
            loop = asyncio.get_running_loop()
            create = partial(loop.create_server, ssl_handshake_timeout=HANDSHAKE_S)
            loop.create_server = create  # type: ignore[method-assign]
        await super().startup(sockets)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._stop_requested.wait()

    def stop(self) -> None:
        """Stop the server; any thread may call this."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop_requested.set)


class ServerThread:
    """A thread that serves an application."""

    def __init__(
        self, name: str, listening: socket.socket, app: Guard, tls: tuple[Path, Path] | None
    ) -> None:
        """
        Start the thread.

        Args:
            tls: The files of the certificate chain and the private key; None for a listener without TLS.

        Raises:
            OSError: The certificate or key cannot be used (ssl.SSLError is a subclass).
        """
        config = uvicorn.Config(
            app, http=_Protocol, ws="none", lifespan="off", interface="asgi3", log_config=None, log_level="error",
            access_log=False, proxy_headers=False, server_header=False, date_header=False,
            timeout_keep_alive=IDLE_S, timeout_graceful_shutdown=1,
            ssl_certfile=tls[0] if tls else None, ssl_keyfile=tls[1] if tls else None,
        )  # fmt: skip
        config.load()
        self._server = _Server(config)
        self._thread = Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name=f"control-{name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, and wait at most five seconds for the end of the thread."""
        self._server.stop()
        self._thread.join(_END_S)
