"""
Define the HTTP routes: status and metrics, orders (such as `approve`), and the webhook.

Routes only translate requests and results. Routes that change nothing never wait.
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
from kvmreconcile.control.guard import problem_to_json
from kvmreconcile.control.orders import Orders
from kvmreconcile.control.webhook import is_authentic
from kvmreconcile.errors import Forbidden, KvmReconcileError, NotKnown, NotNow, OrderError, Problem
from kvmreconcile.model import Key, Suspension
from kvmreconcile.status import Status
from kvmreconcile.status.to_json import object_status_to_json, status_to_json

_STATUSES: tuple[tuple[type[KvmReconcileError], int], ...] = (
    (Forbidden, 403),
    (NotKnown, 404),
    (NotNow, 409),
    (KvmReconcileError, 503),
)
"""HTTP status for each class of error; the first matching row is used."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that another part of the daemon renders for each request, without waiting."""

    media_type: str
    render: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class StatusRoutes:
    """
    The routes that change nothing, which answer from the newest status snapshot, and the webhook route.

    Attributes:
        status: Returns the newest status snapshot.
        pages: Additional pages, by URL path.
        secret: Returns the current secret of the webhook; empty if the webhook is disabled.
        stuck: Returns the names of threads that make no progress.
    """

    status: Callable[[], Status]
    orders: Orders
    pages: Mapping[str, Page] = field(default_factory=dict)
    secret: Callable[[], bytes] = lambda: b""
    stuck: Callable[[], tuple[str, ...]] = tuple

    async def health(self) -> Response:
        """Return whether all threads of the daemon make progress; a long pass counts as progress."""
        stuck = self.stuck()
        return JSONResponse({"alive": not stuck, "stuck": stuck}, 503 if stuck else 200)

    async def ready(self) -> Response:
        """Return whether the daemon works: libvirt can be reached, and the last pass was not aborted."""
        status = self.status()
        is_ready = status.is_connected and status.last is not None and not status.broken
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)

    async def everything(self) -> Response:
        """Return the whole status."""
        return JSONResponse(status_to_json(self.status()))

    async def object(self, kind: str, name: str) -> Response:
        """Return the status of one object."""
        key = Key(kind, name)
        object_status = self.status().objects.get(key)
        if object_status is None:
            raise NotKnown(
                Problem(
                    str(key),
                    "the daemon knows no such object",
                    f"see: {self.status().commands.kvmreconcile('status')}",
                )
            )
        return JSONResponse(object_status_to_json(object_status))

    async def page(self, request: Request) -> Response:
        """Return a page of another part of the daemon."""
        page = self.pages[request.url.path]
        return Response(page.render(), media_type=page.media_type)

    async def hook(self, request: Request) -> Response:
        """Authenticate the request, and schedule a check for new specs; the request's content is ignored."""
        secret = self.secret()
        if not secret:
            what = "the webhook is disabled because its secret is not set, cannot be read or is empty"
            raise NotKnown(Problem("request", what, "see docs/control.md"))
        if not is_authentic(await request.body(), dict(request.headers), secret):
            raise HTTPException(403)
        self.orders.check_specs()
        return JSONResponse({"said": "a check for new specs is scheduled"}, 202)


@dataclass(frozen=True, slots=True)
class OrderRoutes:
    """The routes that change something; each request is handled in its own thread, which may wait."""

    orders: Orders

    def approve(self, request: Request, body: Approve) -> dict[str, str]:
        """Approve the plan with the given digest, including its held steps."""
        return _result(self.orders.approve(_caller(request), body.digest, body.why))

    def suspend(self, request: Request, body: Suspend) -> dict[str, str]:
        """Suspend the reconciliation of an object, or of all objects."""
        caller = _caller(request)
        until = body.until.astimezone(UTC) if body.until else None
        suspension = Suspension(datetime.now(UTC), until, body.why, caller.name)
        return _result(self.orders.suspend(caller, body.object(), suspension))

    def resume(self, request: Request, body: About) -> dict[str, str]:
        """Resume the reconciliation of an object, or of all objects."""
        return _result(self.orders.resume(_caller(request), body.object()))

    def reconcile(self, request: Request, body: About) -> dict[str, str]:
        """Reconcile an object, or all objects, now."""
        return _result(self.orders.reconcile(_caller(request), body.object()))

    def accept(self, request: Request, body: Accept) -> dict[str, str]:
        """Bind the state database to the connected host."""
        return _result(self.orders.accept(_caller(request), body.why))


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


def _result(words: str) -> dict[str, str]:
    return {"said": words}


def build_app(routes: StatusRoutes) -> FastAPI:
    """Return the HTTP application with all routes."""
    # No interactive API page: it would load scripts from the Internet, and hosts are often offline.
    app = FastAPI(
        title="kvmreconcile",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
    )
    read_routes: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("/healthz", routes.health),
        ("/readyz", routes.ready),
        ("/v1/status", routes.everything),
        ("/v1/objects/{kind}/{name:path}", routes.object),
        *((path, routes.page) for path in routes.pages),
    )
    for path, answer in read_routes:
        app.add_api_route(path, answer, methods=["GET"])
    app.add_api_route("/v1/hooks/git", routes.hook, methods=["POST"], status_code=202)
    actions = OrderRoutes(routes.orders)
    order_routes: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("approve", actions.approve),
        ("suspend", actions.suspend),
        ("resume", actions.resume),
        ("reconcile", actions.reconcile),
        ("state/accept", actions.accept),
    )
    for path, answer in order_routes:
        app.add_api_route(f"/v1/{path}", answer, methods=["POST"])
    app.add_exception_handler(KvmReconcileError, _answer_failed_order)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_http_error)
    return app


async def _answer_failed_order(_request: Request, error: Exception) -> Response:
    problem = error.problem if isinstance(error, OrderError) else Problem("kvmreconcile", str(error))
    return JSONResponse(
        problem_to_json(problem), next(status for each, status in _STATUSES if isinstance(error, each))
    )


async def _answer_invalid_request(_request: Request, error: Exception) -> Response:
    """Answer with the first problem of a request, without its content, which may be long or secret."""
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ".".join(map(str, first.get("loc", ("request",))))
    what = str(first.get("msg", "")).removeprefix("Value error, ")
    return JSONResponse(problem_to_json(Problem(where, what, "see docs/control.md")), 400)


async def _answer_http_error(_request: Request, error: Exception) -> Response:
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
    return JSONResponse(problem_to_json(problem), status)
