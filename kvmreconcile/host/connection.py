"""Connect to libvirt, detect a lost connection, and run the event loop that every connection needs."""

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import libvirt

from kvmreconcile.errors import HostError, Unavailable, Unsupported
from kvmreconcile.host.errors import translated
from kvmreconcile.host.identity import identify, is_local
from kvmreconcile.host.oracle import Oracle, oracle
from kvmreconcile.model import HostId

_KEEPALIVE_S, _KEEPALIVE_COUNT = 5, 3


class Connection:
    """
    An open connection; several threads may use it at once.

    A lost connection cannot be used again: discard it with every handle that came from it, and connect again.

    Attributes:
        version: The version of the libvirt that it reaches: major, minor, release.
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
        """Whether libvirt has reported the connection as broken, or it was closed."""
        return self._lost.is_set()

    def is_alive(self) -> bool:
        """Return whether libvirt answers a call; False if the connection is lost or closed."""
        if self.lost:
            return False
        try:
            with translated(self.uri):
                # The cheapest call that reaches the daemon; OpenStack Nova uses it for this, too.
                self.virt.getLibVersion()
        except Unavailable:
            self._lost.set()
            return False
        return True

    def is_qemu(self) -> bool:
        """Return whether libvirt's QEMU driver serves the connection; False if libvirt does not answer."""
        try:
            with translated(self.uri):
                return bool(self.virt.getType() == "QEMU")
        except HostError:
            return False

    def software(self) -> str:
        """
        Return the versions of libvirt and the hypervisor, such as "libvirt 9.0.0, QEMU 7.2.22".

        libvirt is asked each time, since QEMU may be upgraded while libvirt runs. "" if unknown.
        """
        try:
            with translated(self.uri):
                return f"libvirt {_format_version(self.virt.getLibVersion())}, {self.virt.getType()} {_format_version(self.virt.getVersion())}"
        except HostError:
            return ""

    def hostname(self) -> str:
        """Return the host name that libvirt reports, "" if unknown."""
        try:
            with translated(self.uri):
                return str(self.virt.getHostname())
        except HostError:
            return ""

    def embedded(self) -> Oracle:
        """
        Return libvirt's embedded driver, which validates a domain's definition as this host's libvirt would.

        Raises:
            Unavailable: Its result would differ: the host is another machine, or runs another driver or version.
        """
        if not is_local(self.uri):
            raise Unavailable("libvirt is reached over the network, perhaps on another machine")
        if not self.is_qemu():
            # Other drivers have no such validation; an empty message adds no note to plans.
            raise Unavailable("")
        with translated(self.uri):
            version = self.virt.getLibVersion()
        if version != libvirt.getVersion():
            theirs, ours = _format_version(version), _format_version(libvirt.getVersion())
            raise Unavailable(
                f"libvirt's daemon runs version {theirs}, and this process uses the library {ours}"
            )
        try:
            return oracle()
        except OSError as error:
            raise Unavailable(f"libvirt's embedded QEMU driver cannot be started: {error.strerror}") from None

    def identify(self) -> HostId:
        """Return which host this is; libvirt is asked once for each connection."""
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


def _format_version(number: int) -> str:
    """Return a version number of libvirt in dotted form."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def connect(uri: str) -> Connection:
    """
    Open a connection; start the event loop first.

    Raises:
        Unavailable: libvirt does not answer, or refuses this user.
        HostError: The URI is invalid.
    """
    _start_event_loop()
    try:
        with translated(f"cannot connect to {uri}"):
            return Connection(uri, libvirt.open(uri))
    except Unavailable as error:
        todo = _LOCAL if is_local(uri) else _REMOTE
        raise Unavailable(f"{error}; {todo}", error.code, error.domain) from error.__cause__


_LOCAL = (
    "check that the URI is correct, that libvirt's daemon is running, and that this user may connect to it"
)
_REMOTE = "check the URI, the network, libvirt's daemon on that host, and how this user is authenticated"


def call_in_event_loop(call: Callable[[], None]) -> None:
    """
    Let the event loop's thread call a function once; if it never does, the loop is blocked.

    Without an event loop, the function is called at once.
    """
    if _loop is None:
        call()
        return

    def once(timer: int, _opaque: object) -> None:
        with translated("libvirt's event loop"):
            libvirt.virEventRemoveTimeout(timer)
        call()

    with translated("libvirt's event loop"):
        libvirt.virEventAddTimeout(0, once, None)


def is_waiting_for_libvirt(thread: int) -> bool:
    """
    Return whether a thread, by its identifier, is in a call of libvirt now.

    Such a call may take long. If libvirt's daemon is dead, keepalive ends the call.
    """
    frame = sys._current_frames().get(thread)  # noqa: SLF001  a documented function, in spite of its name
    return frame is not None and frame.f_code.co_filename == libvirt.__file__


_loop_lock = threading.Lock()
_loop: threading.Thread | None = None


def _start_event_loop() -> None:
    """Start libvirt's event loop in a thread; without it keepalive would close every connection."""
    global _loop  # noqa: PLW0603  libvirt has one event loop for each process, and no way to stop it
    with _loop_lock:
        if _loop is not None:
            return
        # Without a handler libvirt prints each error to standard error, beside raising it.
        libvirt.registerErrorHandler(_ignore, None)
        with translated("libvirt's event loop"):
            libvirt.virEventRegisterDefaultImpl()
        _loop = threading.Thread(target=_run_event_loop, name="libvirt-events", daemon=True)
        _loop.start()


def _run_event_loop() -> None:
    with translated("libvirt's event loop"):
        while True:
            libvirt.virEventRunDefaultImpl()


def _ignore(_context: object, _error: object) -> None:
    """Ignore an error, as it is also raised."""


def _is_supported(call: Callable[[], object]) -> bool:
    try:
        with translated("connection"):
            call()
    except Unsupported:
        return False
    return True


def _unless_lost(call: Callable[[], object]) -> None:
    """Release a resource of a connection, unless the connection is lost, which has released it already."""
    try:
        with translated("connection"):
            call()
    except Unavailable:
        return
