"""
Find files and directories that a checkout lacks: submodules and files in Git LFS.

The missing specs would look deleted. Each missing file or directory is therefore reported as a
problem, which prevents deletions.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kvmreconcile.model import Source
from kvmreconcile.model.commands import quote
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.system.bounded_read import read_bounded

_POINTER = b"version https://git-lfs.github.com/spec/"
"""
First bytes of every LFS pointer.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""
_MODULES = ".gitmodules"
_LONGEST = 1 << 20
_PATH = re.compile(r"\s*path\s*=\s*(.+?)\s*")
SUBMODULE = "is a submodule that is not checked out"
LFS = "is a Git LFS pointer instead of the content"
_CHECK_OUT = "remove the submodule from .gitmodules, or check it out: git -C {} submodule update --init"
KEEP_OUT_OF_LFS = "keep the file out of LFS, or fetch it with Git LFS (not possible with git.url)"


def is_pointer(content: bytes) -> bool:
    """Return whether a file's content is a Git LFS pointer."""
    return content.startswith(_POINTER)


def is_pointer_file(path: Path) -> bool:
    """Return whether a file is a Git LFS pointer; False if the file cannot be read."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return is_pointer(os.read(descriptor, len(_POINTER)))
        finally:
            os.close(descriptor)
    return False


def pointer_problem(name: str) -> LocatedProblem:
    """Return the problem that the named file is a Git LFS pointer."""
    return LocatedProblem(Source(name, 1, 1), LFS, KEEP_OUT_OF_LFS)


def submodules(directory: Path, name: str) -> Iterator[tuple[LocatedProblem, Path | None]]:
    """
    Yield a problem for each submodule of a work tree that is not checked out.

    If .gitmodules itself cannot be read, yield that problem.

    Args:
        name: The directory's name in messages.

    Returns:
        Problems at lines of .gitmodules, each with the submodule's path; the path is None for a
            problem of .gitmodules itself.
    """
    try:
        lines = read_bounded(directory / _MODULES, _LONGEST).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        is_forbidden = error.errno in (errno.EACCES, errno.EPERM)
        todo = (
            "check its permissions"
            if is_forbidden
            else f"replace it with a regular file of at most {_LONGEST >> 20} MiB"
        )
        yield LocatedProblem(Source(f"{name}/{_MODULES}", 1, 1), what, todo), None
        return
    for number, line in enumerate(lines, 1):
        found = _PATH.fullmatch(line)
        path = directory / found[1].strip('"') if found else None
        if found and path and _is_empty(path):
            what = f"{found[1]} {SUBMODULE}"
            todo = _CHECK_OUT.format(quote(str(directory)))
            yield LocatedProblem(Source(f"{name}/{_MODULES}", number, 1), what, todo), path


def _is_empty(directory: Path) -> bool:
    try:
        with os.scandir(directory) as entries:
            return next(entries, None) is None
    except FileNotFoundError:
        return True
    except OSError:
        # `walk` reports that the directory cannot be read.
        return False
