"""
The daemon's answers over HTTP: what it knows, and what it is told.

Separate from both: nothing is decided here, and nothing that only reads ever waits for anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from kvmreconcile.control.bodies import About, Accept, Approve, Suspend
from kvmreconcile.control.callers import Caller
from kvmreconcile.control.guard import told
from kvmreconcile.control.orders import Orders
from kvmreconcile.control.webhook import is_proved
from kvmreconcile.errors import Forbidden, KvmReconcileError, NotKnown, NotNow, OrderError, Problem
from kvmreconcile.model import Key, Suspension
from kvmreconcile.status import Status
from kvmreconcile.status.to_json import object_to_json, to_json

_STATUSES: tuple[tuple[type[KvmReconcileError], int], ...] = (
    (Forbidden, 403),
    (NotKnown, 404),
    (NotNow, 409),
    (KvmReconcileError, 503),
)
"""By what number an order that is not done is answered; the first that fits."""


@dataclass(frozen=True, slots=True)
class Page:
    """What another part of the daemon serves at a path: made anew for each request, and at once."""

    media_type: str
    render: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Answers:
    """
    Requests that change nothing, answered from the newest snapshot.

    Attributes:
        pages: What else is served, by path.
        secret: Returns the webhook's secret as it is now.
        stuck: Tells which threads do not get on.
    """

    status: Callable[[], Status]
    orders: Orders
    pages: Mapping[str, Page] = field(default_factory=dict)
    secret: Callable[[], bytes] = lambda: b""
    stuck: Callable[[], tuple[str, ...]] = tuple

    async def health(self) -> Response:
        """Say whether the daemon is there and gets on, however long what it does may take."""
        stuck = self.stuck()
        return JSONResponse({"alive": not stuck, "stuck": stuck}, 503 if stuck else 200)

    async def ready(self) -> Response:
        """Say whether it does its work: libvirt is there, and the last pass came to its end."""
        status = self.status()
        is_ready = status.is_connected and status.last is not None and not status.broken
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)

    async def everything(self) -> Response:
        """Tell all that the daemon knows."""
        return JSONResponse(to_json(self.status()))

    async def object(self, kind: str, name: str) -> Response:
        """Tell how one object stands."""
        key = Key(kind, name)
        standing = self.status().objects.get(key)
        if standing is None:
            raise NotKnown(
                Problem(
                    str(key),
                    "the daemon knows no such object",
                    f"see: {self.status().commands.kvmreconcile('status')}",
                )
            )
        return JSONResponse(object_to_json(standing))

    async def page(self, request: Request) -> Response:
        """Serve what another part of the daemon offers."""
        page = self.pages[request.url.path]
        return Response(page.render(), media_type=page.media_type)

    async def hook(self, request: Request) -> Response:
        """Look for new specs; nothing of what is sent is believed, but that somebody knows the secret."""
        secret = self.secret()
        if not secret:
            what = "the webhook is disabled, because its secret is not set, not readable or empty"
            raise NotKnown(Problem("request", what, "see docs/control.md"))
        if not is_proved(await request.body(), dict(request.headers), secret):
            raise HTTPException(403)
        self.orders.wake()
        return JSONResponse({"said": "a check for new specs is scheduled"}, 202)


@dataclass(frozen=True, slots=True)
class OrderRoutes:
    """Requests that change something; each runs in a thread of its own and may take its time."""

    orders: Orders

    def approve(self, request: Request, body: Approve) -> dict[str, str]:
        """Have exactly one plan done, with what is held in it."""
        return _said(self.orders.approve(_caller(request), body.digest, body.why))

    def suspend(self, request: Request, body: Suspend) -> dict[str, str]:
        """Leave an object alone, or everything."""
        caller = _caller(request)
        until = body.until.astimezone(UTC) if body.until else None
        suspension = Suspension(datetime.now(UTC), until, body.why, caller.name)
        return _said(self.orders.suspend(caller, body.object(), suspension))

    def resume(self, request: Request, body: About) -> dict[str, str]:
        """Take that back."""
        return _said(self.orders.resume(_caller(request), body.object()))

    def reconcile(self, request: Request, body: About) -> dict[str, str]:
        """Look at an object now, or at everything."""
        return _said(self.orders.reconcile(_caller(request), body.object()))

    def accept(self, request: Request, body: Accept) -> dict[str, str]:
        """Have the state belong to this host."""
        return _said(self.orders.accept(_caller(request), body.why))


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


def _said(words: str) -> dict[str, str]:
    return {"said": words}


def build(answers: Answers) -> FastAPI:
    """Return the application."""
    # No page for people: it would load its parts from elsewhere, and hosts are often offline.
    app = FastAPI(
        title="kvmreconcile",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
    )
    reading: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("/healthz", answers.health),
        ("/readyz", answers.ready),
        ("/v1/status", answers.everything),
        ("/v1/objects/{kind}/{name:path}", answers.object),
        *((path, answers.page) for path in answers.pages),
    )
    for path, answer in reading:
        app.add_api_route(path, answer, methods=["GET"])
    app.add_api_route("/v1/hooks/git", answers.hook, methods=["POST"], status_code=202)
    routes = OrderRoutes(answers.orders)
    orders: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("approve", routes.approve),
        ("suspend", routes.suspend),
        ("resume", routes.resume),
        ("reconcile", routes.reconcile),
        ("state/accept", routes.accept),
    )
    for path, answer in orders:
        app.add_api_route(f"/v1/{path}", answer, methods=["POST"])
    app.add_exception_handler(KvmReconcileError, _not_done)
    app.add_exception_handler(RequestValidationError, _garbled)
    app.add_exception_handler(HTTPException, _refused)
    return app


async def _not_done(_request: Request, error: Exception) -> Response:
    problem = error.problem if isinstance(error, OrderError) else Problem("kvmreconcile", str(error))
    return JSONResponse(told(problem), next(status for each, status in _STATUSES if isinstance(error, each)))


async def _garbled(_request: Request, error: Exception) -> Response:
    """Say what is wrong with what was sent; never what it was, which may be long or secret."""
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ".".join(map(str, first.get("loc", ("request",))))
    what = str(first.get("msg", "")).removeprefix("Value error, ")
    return JSONResponse(told(Problem(where, what, "see docs/control.md")), 400)


async def _refused(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = {
        404: "no such path",
        405: "method not allowed",
        403: "the signature or token of the webhook is missing or wrong",
    }
    problem = Problem(
        "request",
        what.get(status, "internal error" if status >= 500 else "the request is not valid"),
        "see docs/control.md",
    )
    return JSONResponse(told(problem), status)
