"""Shared values and helpers for tests of the state."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmreconcile.model import Applied, Key, Leftover, RememberedPending, Settled, StartedStep
from kvmreconcile.state import State
from kvmreconcile.tree import parse

WEB = Key("Domain", "web1")
DISK = Key("Volume", "default/web1-root")


def applied(key: Key = WEB) -> Applied:
    """Return an applied record with a value in every field."""
    return Applied(
        key=key,
        uuid="2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0001",
        instance="lab",
        tree=parse("<domain><memory unit='GiB'>4</memory><devices><disk/></devices></domain>"),
        digest="0123456789abcdef",
        complete=False,
        settled=(Settled("os/type/@machine", "q35", "pc-q35-7.2", "f00"),),
        runtime_id=7,
        pending=(RememberedPending(("os", "@firmware"), "os/@firmware", None, "efi"),),
        protect=True,
        left=True,
        removal=frozenset({Leftover.NVRAM, Leftover.SNAPSHOTS}),
        secrets=("os/cmdline", "devices/disk/source/@query"),
        begun=StartedStep("DRIFT", "0123456789abcdef"),
        sealed="f00",
    )


@contextmanager
def reopened(directory: Path) -> Iterator[State]:
    """Open the state for the duration of a `with` block."""
    state = State.open(directory)
    try:
        yield state
    finally:
        state.close()


@contextmanager
def nobody() -> Iterator[None]:
    """Run a `with` block as an unprivileged user, because permissions do not restrict root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
