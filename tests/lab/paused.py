"""
Run the command line with copies of images that pause half way: one file reports the pause, another ends it.

A copy of milliseconds lasts as long as a test needs. This must be a process of its own.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.cli import main
from kvmreconcile.kinds.volume.image import SparseReader
from tests.lab.session import Session
from tests.waiting import wait_until

_AFTER = 8
"""How many parts of an image are sent before the pause: 2 MiB."""
_read = SparseReader.read


@dataclass
class Paused:
    """An `apply` whose copy is paused."""

    process: subprocess.Popen[str]
    directory: Path

    def go_on(self) -> str:
        """Let it continue to its end, and return its output."""
        (self.directory / "go").touch()
        return self.process.communicate()[0]


@contextmanager
def paused_apply(session: Session, *words: str) -> Iterator[Paused]:
    """Start `apply`, and wait until its copy is paused; it continues when the block ends."""
    for name in ("paused", "go"):
        (session.directory / name).unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        __name__,
        str(session.directory),
        *session.words("apply", "--yes", *words),
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, str(session.specs)], stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as process:
        paused = Paused(process, session.directory)
        try:
            wait_until(
                lambda: (session.directory / "paused").exists() or process.poll() is not None, "it is paused"
            )
            assert process.poll() is None, process.communicate()[0]
            yield paused
        finally:
            (session.directory / "go").touch()


def _slowly(directory: Path, reader: SparseReader, stream: object, length: int, opaque: object) -> bytes:
    count = getattr(_slowly, "count", 0) + 1
    setattr(_slowly, "count", count)  # noqa: B010  a function has no such attribute
    if count == _AFTER:
        (directory / "paused").touch()
        while not (directory / "go").exists():
            time.sleep(0.01)
    return _read(reader, stream, length, opaque)


if __name__ == "__main__":
    where = Path(sys.argv.pop(1))
    SparseReader.read = lambda *arguments: _slowly(where, *arguments)  # type: ignore[method-assign]
    main()
