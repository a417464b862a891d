"""Serve a control socket in this process, with orders but without passes."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kvmreconcile.control.app import Page, StatusRoutes, build_app
from kvmreconcile.control.client import Client
from kvmreconcile.control.listeners import Control
from kvmreconcile.control.orders import Orders
from kvmreconcile.control.webhook import hook_secret
from kvmreconcile.daemon.latest_status import LatestStatus
from kvmreconcile.events.events import Connected, PassEvent, PassPlanned
from kvmreconcile.model import Desired, HostId, Key, Observation, Plan, World
from kvmreconcile.reconcile.approvals import Approvals
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.state import State
from kvmreconcile.tree import Node

WEB = Key("Domain", "web")
HOST = HostId("2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0001", "test:///default")
WITHIN_S = 30.0


def pass_planned(plan: Plan) -> PassPlanned:
    """Return the event of a pass over one domain."""
    desired = {WEB: Desired(WEB, Node("domain"))}
    world = World("lab", "kvm1", datetime.now(UTC), desired, Observation(), {})
    specs = Loaded((), desired, (), frozenset(), complete=True)
    return PassPlanned(
        at=world.now, pass_id="p1", triggered_by=(), commit="", specs=specs, world=world, plan=plan, allowed=Plan(),
        waits={}, busy=frozenset(), took_s=0.1,
    )  # fmt: skip


@dataclass
class Served:
    """The listeners of a daemon, without the daemon, and the orders and triggers that they receive."""

    home: Path
    control: dict[str, object] = field(default_factory=dict)
    triggers: list[str] = field(default_factory=list)
    retried: list[Key | None] = field(default_factory=list)
    spec_checks: int = 0
    stuck: tuple[str, ...] = ()
    events: list[PassEvent] = field(default_factory=list)
    approvals: Approvals = field(default_factory=Approvals)

    def __post_init__(self) -> None:
        control_settings = {"socket": str(self.path), **self.control}
        self.settings = Settings.model_validate(
            {"host": "kvm1", "instance": "lab", "control": control_settings, "state": self.home / "state"}
        )
        self.state = State.open(self.settings.state)
        self.latest_status = LatestStatus(self.settings, "1.0")
        self.listeners = Control(self.settings, lambda: build_app(self.routes()))

    @property
    def path(self) -> Path:
        return self.home / "control.sock"

    def routes(self) -> StatusRoutes:
        orders = Orders(
            status=lambda: self.latest_status.status,
            state=self.state,
            approvals=self.approvals,
            enqueue=self.triggers.append,
            retry=self.retried.append,
            check_specs=self._count_spec_check,
            subscribers=(self.latest_status, self.events.append),
        )
        pages = {"/metrics": Page("text/plain", lambda: b"up 1\n")}
        return StatusRoutes(
            orders.status, orders, pages, lambda: hook_secret(self.settings.control), lambda: self.stuck
        )

    def _count_spec_check(self) -> None:
        self.spec_checks += 1

    def open(self) -> None:
        """Open the listeners of a daemon that has made one pass."""
        self.latest_status(Connected(datetime.now(UTC), "test:///default", HOST))
        self.latest_status(pass_planned(Plan(in_sync=(WEB,), digest="abc")))
        self.listeners.maintain()

    def close(self) -> None:
        self.listeners.close()
        self.state.close()

    def client(self) -> Client:
        return Client(self.settings)

    def dial(self) -> socket.socket:
        """Connect to the socket."""
        connection = socket.socket(socket.AF_UNIX)
        # Before the timeout is set: then it waits while the queue of connections is full.
        connection.connect(str(self.path))
        connection.settimeout(WITHIN_S)
        return connection

    def raw(self, request: bytes, *, dial: Callable[[], socket.socket] | None = None) -> bytes:
        """Send bytes unchanged, and return the answer up to the end of the connection."""
        with (dial or self.dial)() as connection:
            found = b""
            # The server may close the connection before the end of the request.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
            with suppress(ConnectionResetError):
                while more := connection.recv(65536):
                    found += more
            return found


def request(line: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a request whose connection is closed after the answer."""
    defaults = {"Host": "kvm1", "Connection": "close", "Content-Length": str(len(body))}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in {**defaults, **headers}.items() if value]
    return (
        f"{line} HTTP/1.1\r\n{chr(13).join(())}".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    )


def status_of(answer: bytes) -> int:
    """Return the HTTP status of an answer, 0 if there was none."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


def certificate(directory: Path) -> tuple[Path, Path]:
    """Create a certificate for this host, and its key."""
    paths = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=kvm1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:kvm1",
         "-out", str(paths[0]), "-keyout", str(paths[1])],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def dial_tls(port: int, trusted: Path) -> socket.socket:
    """Connect with TLS, and trust one certificate."""
    context = ssl.create_default_context(cafile=str(trusted))
    connection = socket.create_connection(("127.0.0.1", port), WITHIN_S)
    return context.wrap_socket(connection, server_hostname="kvm1")
