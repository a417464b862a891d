"""Run the event loop that every connection to libvirt needs."""

import sys
import threading
from collections.abc import Callable

import libvirt

from kvmreconcile.host.errors import translated


def call_in_event_loop(call: Callable[[], None]) -> None:
    """
    Have the event loop's thread call a function once.

    If no loop was started, this thread calls the function. A function that is never called shows
    that the event loop is blocked.
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
    Return whether a thread, given by its identifier, is inside a libvirt call now.

    Such a call may take long. If libvirt's daemon is dead, keepalive ends the call.
    """
    frame = sys._current_frames().get(thread)  # noqa: SLF001  a documented function, despite its name
    return frame is not None and frame.f_code.co_filename == libvirt.__file__


_loop_lock = threading.Lock()
_loop: threading.Thread | None = None


def start_event_loop() -> None:
    """Start libvirt's event loop in a thread; without it, keepalive closes every connection."""
    global _loop  # noqa: PLW0603  libvirt has one event loop per process, which cannot be stopped
    with _loop_lock:
        if _loop is not None:
            return
        # Without a handler, libvirt raises each error and also prints it to standard error.
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
    """Ignore an error report; the binding also raises the error."""
