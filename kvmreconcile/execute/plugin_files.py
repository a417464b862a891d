"""
Find files of a plug-in that another user can change.

A plug-in's code runs with the permissions of this process. As with the plug-ins of sudo(8), files
must belong to root or to the running user, and no other user may have write access.
"""

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

_OURS = "kvmreconcile"
"""This package; its files are not checked."""
_ROOT = 0


def find_distrusted(point: EntryPoint) -> tuple[Path, str] | None:
    """
    Return a file or directory of a plug-in that another user can change.

    Returns the path and the reason, or None if there is no such file.
    """
    package = point.module.partition(".")[0]
    if package == _OURS:
        return None
    about = getattr(point.dist, "_path", None)
    roots = [*([Path(about)] if about else []), *_locations(package)]
    above = dict.fromkeys(parent for root in roots for parent in reversed(root.absolute().parents))
    # In a directory with the sticky bit, such as /tmp, users cannot replace each other's files.
    reasons = ((path, _distrust_reason(path, ignored=stat.S_ISVTX)) for path in above)
    found = chain(reasons, ((path, _distrust_reason(path)) for root in roots for path in _walk(root)))
    return next(((path, reason) for path, reason in found if reason), None)


def _walk(root: Path) -> Iterator[Path]:
    """Yield a path and, if it is a directory, everything in it."""
    yield root
    for directory, names, files in os.walk(root):
        yield from (Path(directory, name) for name in (*names, *files))


def _locations(package: str) -> Iterable[Path]:
    """Return the directories of a package, or the file of a module, without running its code."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return ()
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return tuple(map(Path, spec.submodule_search_locations))
    return (Path(spec.origin),) if spec.has_location and spec.origin else ()


def _distrust_reason(path: Path, ignored: int = 0) -> str:
    """
    Return why a file cannot be trusted, or "" if it can be trusted.

    Args:
        ignored: Mode bits; write access is not checked if the file has one of these bits.
    """
    try:
        found = (path.lstat(), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return ""  # a directory in an archive; the archive is checked as a file
    for status in found:
        if _is_of_another(status):
            return f"belongs to {user_name(status.st_uid)}"
        mode = status.st_mode
        # A symbolic link has no permissions of its own.
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not stat.S_ISLNK(mode) and not mode & ignored:
            return "is writable by all users" if mode & stat.S_IWOTH else "is writable by its group"
    return ""


def is_of_another(path: Path) -> bool:
    """Return whether a file, or the symbolic link that leads to it, belongs to another user."""
    return any(map(_is_of_another, (path.lstat(), path.stat())))


def _is_of_another(status: os.stat_result) -> bool:
    return status.st_uid not in (_ROOT, os.geteuid())


def user_name(uid: int) -> str:
    """Return the name of a user, or "user N" if the user ID has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
