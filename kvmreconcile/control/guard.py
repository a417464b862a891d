"""Check the origin, target, caller, size and duration of every request before the request is routed."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog

from kvmreconcile.control.callers import Caller
from kvmreconcile.control.target import find_mismatch
from kvmreconcile.errors import Problem
from kvmreconcile.settings.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_BODY = 1024 * 1024
"""Maximum size of a request body in bytes; the webhook bodies of a git server are the largest."""
BODY_S = 10.0
"""How long a request body may take to arrive."""
ANSWER_S = 60.0
"""How long an answer may take, including the time that the client takes to read it."""
OPEN = frozenset({"/healthz", "/readyz", "/v1/hooks/git"})
"""Paths that unknown callers may request. They reveal very little, or authenticate the request themselves."""

_HOST = re.compile("[a-z0-9._:%\\[\\]-]*")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The HTTP status and the problem in the answer to a refused request."""

    status: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class Guard:
    """
    An ASGI application that checks requests and forwards accepted requests to another application.

    Attributes:
        app: The other application.
        identify: Returns the caller of a request, or None if the caller is unknown.
        hosts: The host names, in lower case, that requests may use in the Host header; None accepts all.
    """

    app: App
    settings: Settings
    identify: Callable[[Scope], Caller | None]
    hosts: frozenset[str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, and then forward or refuse the request."""
        if scope["type"] != "http":
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._answer(scope, receive, send)
        except TimeoutError:
            log.warning("door.timeout", path=scope["path"], after_s=ANSWER_S)
        except Exception:
            # A bug in one answer must not affect other requests.
            log.exception("door.crashed", path=scope["path"])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = self.identify(scope)
        refusal = self._refusal(scope, caller)
        if refusal is None:
            body = await _body(receive)
            if isinstance(body, bytes):
                scope["state"] = {**scope.get("state", {}), "caller": caller}
                await self.app(scope, _replayed(body, receive), send)
                return
            refusal = body
        await _refuse(send, refusal)

    def _refusal(self, scope: Scope, caller: Caller | None) -> _Refusal | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if b"origin" in headers:
            what = "requests from web pages are not allowed (Origin header)"
            return _refusal(403, what, "use a command-line client")
        if refusal := self._refuse_host(headers.get(b"host", "").lower()):
            return refusal
        if other := find_mismatch(headers, self.settings):
            return _Refusal(421, other)
        if caller is None and scope["path"] not in OPEN:
            return _refuse_token(is_sent=b"authorization" in headers)
        return None

    def _refuse_host(self, host: str) -> _Refusal | None:
        if not _HOST.fullmatch(host):
            return _refusal(400, "the Host header is not valid", "set the header to a name of this host")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self.hosts is not None and name not in self.hosts:
            what = "the Host header is missing, or is not a known name of this host"
            return _refusal(421, what, "send a known name, or add the name to control.tcp.names")
        return None


def _refuse_token(*, is_sent: bool) -> _Refusal:
    what = "the token is not accepted" if is_sent else "no token was sent"
    if_valid = "; if the token is valid, look for door.tokens_unusable in the daemon's log" if is_sent else ""
    return _refusal(401, what, f"send a valid token: Authorization: Bearer TOKEN{if_valid}")


def _refusal(status: int, what: str, todo: str) -> _Refusal:
    return _Refusal(status, Problem("request", what, todo))


async def _body(receive: Receive) -> bytes | _Refusal:
    """Return the whole body of a request, or the refusal if the body is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > LONGEST_BODY:
                    return _refusal(
                        413, f"the body is larger than {LONGEST_BODY >> 20} MiB", "send a smaller body"
                    )
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return _refusal(408, f"the body did not arrive within {BODY_S:g} s", "send the body without a pause")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a receive function that first returns a body already received, and then later messages."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


async def _refuse(send: Send, refusal: _Refusal) -> None:
    # The rest of the request is not read.
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers += [(b"www-authenticate", b"Bearer")] if refusal.status == 401 else []
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(problem_to_json(refusal.problem)).encode()})


def problem_to_json(problem: Problem) -> dict[str, object]:
    """Return a problem as the JSON body of an answer."""
    return {"error": {"where": problem.where, "what": problem.what, "todo": problem.todo}}
