"""
Run the real command line, which blocks in one of its phases as in a call of libvirt that never returns.

It must run as a separate process.
"""

import ctypes
import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PHASES: dict[str, tuple[str, str]] = {
    "importing": ("typer", "Typer.__init__"),
    "loading": ("kvmreconcile.cli.session", "load"),
    "connecting": ("kvmreconcile.host.connection", "connect"),
    "opening the state": ("kvmreconcile.state", "State.open"),
    "observing": ("kvmreconcile.session.session", "Session.observe"),
    "planning": ("kvmreconcile.session.session", "Session.plan"),
    "judging": ("kvmreconcile.cli.plan", "exact"),
    "recording": ("kvmreconcile.state", "Recorder.record"),
    "working": ("kvmreconcile.kinds.network.driver", "NetworkDriver.perform"),
}
"""The function that blocks, by phase."""


def block(directory: Path) -> None:
    """Report that the phase is reached, and wait in a C call, which no signal interrupts, until a file ends it."""
    (directory / "blocked").touch()
    if (directory / "may go on").exists():
        while not (directory / "go").exists():
            time.sleep(0.01)
        return
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(128)
    for _ in range(2):
        libc.pthread_mutex_lock(mutex)


def arm(directory: Path, phase: str) -> None:
    """Let a phase block."""
    module, path = PHASES[phase]
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    real: Callable[..., Any] = getattr(owner, name)

    def blocked(*arguments: Any, **more: Any) -> Any:
        block(directory)
        return real(*arguments, **more)

    setattr(owner, name, blocked)


if __name__ == "__main__":
    where, phase = Path(sys.argv.pop(1)), sys.argv.pop(1)
    arm(where, phase)
    from kvmreconcile.cli import main

    main()
