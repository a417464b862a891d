"""
Run the command line and end it by SIGKILL right after its n-th side effect, in libvirt or in the state.
"""

import os
import re
import signal
import sys
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any

import libvirt

from kvmreconcile.cli import main
from kvmreconcile.state import State
from kvmreconcile.state.object_texts import ObjectTexts

# Every method by which a driver changes the host.
_CHANGING = re.compile(
    r"(networkDefine|storagePoolDefine|define|create|build|start|destroy|shutdown|undefine|delete|resize|refresh|"
    r"upload|attach|detach|update|rename|blockResize|set(Autostart|Metadata|Memory|Vcpus|Lifecycle))(?!.*Status)"
)
_CLASSES = (
    libvirt.virConnect,
    libvirt.virDomain,
    libvirt.virNetwork,
    libvirt.virStoragePool,
    libvirt.virStorageVol,
)


class Fuse:
    """Counts side effects, and ends the process after one of them."""

    def __init__(self, dies_after: int) -> None:
        self._left = dies_after
        self._counting = Lock()

    def burns(self, owner: type, name: str) -> None:
        """Count each completed call of a method."""
        real: Callable[..., Any] = getattr(owner, name)

        @wraps(real)
        def counted(*arguments: Any, **more: Any) -> Any:
            result = real(*arguments, **more)
            with self._counting:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, counted)


def arm(dies_after: int) -> None:
    """Count every side effect from now on."""
    fuse = Fuse(dies_after)
    for owner in _CLASSES:
        for name in filter(_CHANGING.match, vars(owner)):
            fuse.burns(owner, name)
    for name in (
        "put",
        "forget",
        "rename",
        "record",
        "put_probation",
        "end_probation",
        "put_edit",
        "end_edit",
    ):
        fuse.burns(State, name)
    fuse.burns(ObjectTexts, "record")


if __name__ == "__main__":
    arm(int(sys.argv.pop(1)))
    main()
