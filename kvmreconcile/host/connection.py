"""Connect to libvirt, and detect lost connections."""

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import libvirt

from kvmreconcile.errors import HostError, Unavailable, Unsupported
from kvmreconcile.host.endpoint import Subscription
from kvmreconcile.host.errors import translated
from kvmreconcile.host.event_loop import start_event_loop
from kvmreconcile.host.identity import format_version, identify, is_local
from kvmreconcile.host.oracle import Oracle, oracle
from kvmreconcile.model import Capacity, HostId, Key

_KEEPALIVE_S, _KEEPALIVE_COUNT = 5, 3


class Connection:
    """
    An open connection to libvirt, which several threads may use at once.

    A lost connection cannot be reused: discard the connection and all handles obtained from it,
    then connect again.

    Attributes:
        version: The version of the connected libvirt: major, minor, release.
    """

    def __init__(self, uri: str, virt: libvirt.virConnect) -> None:
        self.uri = uri
        self.virt = virt
        number = virt.getLibVersion()
        self.version = (number // 1_000_000, number // 1000 % 1000, number % 1000)
        self._lost = threading.Event()
        self._closed = False
        self._host: HostId | None = None
        self._watches_close = _is_supported(lambda: virt.registerCloseCallback(self._on_close, None))
        _is_supported(lambda: virt.setKeepAlive(_KEEPALIVE_S, _KEEPALIVE_COUNT))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def lost(self) -> bool:
        """Whether libvirt has reported the connection as broken, or the connection was closed."""
        return self._lost.is_set()

    def is_alive(self) -> bool:
        """Return whether libvirt answers; False if the connection is lost or closed."""
        if self.lost:
            return False
        try:
            with translated(self.uri):
                # The cheapest call that reaches the daemon; OpenStack Nova uses this call, too.
                self.virt.getLibVersion()
        except Unavailable:
            self._lost.set()
            return False
        return True

    def subscribe(self, trigger: Callable[[Key], None], events: Mapping[str, Any]) -> Subscription:
        """Subscribe to the events of kinds, see `kvmreconcile.host.events.subscribe`."""
        from kvmreconcile.host.events import subscribe  # noqa: PLC0415  that module imports this one

        return subscribe(self, trigger, events)

    def is_qemu(self) -> bool:
        """Return whether libvirt's QEMU driver serves the connection; False if unknown."""
        try:
            with translated(self.uri):
                return bool(self.virt.getType() == "QEMU")
        except HostError:
            return False

    def software(self) -> str:
        """
        Return the versions of libvirt and the hypervisor, such as "libvirt 9.0.0, QEMU 7.2.22".

        Returns "" if the versions are unknown. Each call asks libvirt, since QEMU may be upgraded
        while libvirt runs.
        """
        try:
            with translated(self.uri):
                return f"libvirt {format_version(self.virt.getLibVersion())}, {self.virt.getType()} {format_version(self.virt.getVersion())}"
        except HostError:
            return ""

    def capacity(self) -> Capacity:
        """Return the CPUs and the memory of the host; raises HostError."""
        with translated(self.uri):
            # virNodeInfo: model, memory in MiB, active CPUs, ...
            _, memory, cpus, *_ = list[Any](self.virt.getInfo())
        return Capacity(cpus, memory << 20)

    def capabilities(self) -> str:
        """Return libvirt's description of the host as XML; raises HostError."""
        with translated(self.uri):
            return str(self.virt.getCapabilities())

    def hostname(self) -> str:
        """Return the host name that libvirt reports, or "" if libvirt does not answer."""
        try:
            with translated(self.uri):
                return str(self.virt.getHostname())
        except HostError:
            return ""

    def embedded(self) -> Oracle:
        """
        Return libvirt's embedded driver, which validates definitions like the host's libvirt.

        Raises:
            Unavailable: The driver cannot be started, or could return another result than the
                host's libvirt: the host may be another machine, or its libvirt has another driver
                or version.
        """
        if not is_local(self.uri):
            raise Unavailable("libvirt is reached over the network, perhaps on another machine")
        if not self.is_qemu():
            # Other drivers do not validate definitions. An empty message adds no note to plans.
            raise Unavailable("")
        with translated(self.uri):
            version = self.virt.getLibVersion()
        if version != libvirt.getVersion():
            theirs, ours = format_version(version), format_version(libvirt.getVersion())
            raise Unavailable(
                f"libvirt's daemon runs version {theirs}, and this process uses the library {ours}"
            )
        try:
            return oracle()
        except OSError as error:
            raise Unavailable(f"libvirt's embedded QEMU driver cannot be started: {error.strerror}") from None

    def identify(self) -> HostId:
        """Return the identity of the host; libvirt is asked only once per connection."""
        if self._host is None:
            self._host = identify(self.virt)
        return self._host

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._lost.set()
        if self._watches_close:
            # The callback references the connection, which would otherwise never be freed.
            _unless_lost(self.virt.unregisterCloseCallback)
        _unless_lost(self.virt.close)

    def _on_close(self, _virt: libvirt.virConnect, _reason: int, _opaque: object) -> None:
        self._lost.set()


def connect(uri: str) -> Connection:
    """
    Start the event loop if necessary, and open a connection.

    Raises:
        Unavailable: libvirt does not answer, or refuses this user.
        HostError: The URI is invalid.
    """
    start_event_loop()
    try:
        with translated(f"cannot connect to {uri}"):
            return Connection(uri, libvirt.open(uri))
    except Unavailable as error:
        todo = _LOCAL if is_local(uri) else _REMOTE
        raise Unavailable(f"{error}; {todo}", error.code, error.domain) from error.__cause__


_LOCAL = (
    "check that the URI is correct, that libvirt's daemon is running, and that this user may connect to it"
)
_REMOTE = "check the URI, the network, libvirt's daemon on that host, and the authentication of this user"


def _is_supported(call: Callable[[], object]) -> bool:
    try:
        with translated("connection"):
            call()
    except Unsupported:
        return False
    return True


def _unless_lost(call: Callable[[], object]) -> None:
    """Release a resource of a connection; a lost connection has already released it."""
    try:
        with translated("connection"):
            call()
    except Unavailable:
        return
