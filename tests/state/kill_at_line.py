"""Kill a process at each line that it executes in the modules of the state."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import kvmreconcile.state

_KILLED, _FAILED = 9, 8
_DIRECTORY = Path(kvmreconcile.state.__file__).parent


def kill_at_each_line(
    act: Callable[[Path], object], places: Callable[[int], Path], *modules: str
) -> Iterator[Path]:
    """
    Yield the directory of each attempt after its process was killed; each attempt runs one line further.

    Args:
        act: The attempt, in a directory.
        places: Creates the directory of an attempt, by its number.
        modules: The modules of the state in which to kill the process; empty for all modules.
    """
    files = {str(_DIRECTORY / f"{module}.py") for module in modules}
    assert all(map(os.path.exists, files)), files
    line = 0
    while True:
        line += 1
        place = places(line)
        child = os.fork()
        if child == 0:
            _die_at(line, files)
            try:
                act(place)
            except BaseException:  # noqa: BLE001  the child must end in any case
                os._exit(_FAILED)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, _KILLED), code
        yield place
        if code == 0:
            return


def _die_at(line: int, files: set[str]) -> None:
    left = line

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        name = frame.f_code.co_filename
        if name not in files and (files or not name.startswith(str(_DIRECTORY))):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(_KILLED)
        return trace

    sys.settrace(trace)
