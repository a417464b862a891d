"""
Parse the output of strace(1) for a process and its children: which file each call named, and as which user.

The user is that of setfsuid(2), which is set per thread, and which threads and processes that it starts
inherit.
"""

import codecs
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_IDENTITY = ("setfsuid", "setresuid", "setreuid", "setuid")
_STARTS = frozenset({"clone", "clone3", "fork", "vfork"})
_BY_HANDLE = frozenset({"fchown", "fchmod", "ftruncate"})
CALLS = ("%file", *_BY_HANDLE, *_IDENTITY, *(f"?{name}" for name in _STARTS))
WRITES = _BY_HANDLE | {
    "chmod", "chown", "creat", "fchmodat", "fchownat", "lchown", "link", "linkat", "lsetxattr", "mkdir", "mkdirat", "mknod",
    "mknodat", "mount", "removexattr", "rename", "renameat", "renameat2", "rmdir", "setxattr", "symlink", "symlinkat", "truncate",
    "unlink", "unlinkat", "utime", "utimensat", "utimes",
}  # fmt: skip
"""Calls that change a file or a directory. Opening one for writing shows in its flags."""
_TO_WRITE = re.compile(r"\bO_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)\b")
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")
_UNFINISHED = " <unfinished ...>"
_WORD = re.compile(
    r'(?:AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>(?:\(deleted\))?, "((?:[^"\\]|\\.)*)"|"((?:[^"\\]|\\.)*)"'
)
_HANDLE = re.compile(r"\d+<((?:[^>\\]|\\.)*)>")
_NUMBER = re.compile(r"-?\d+")
_UNCHANGED = -1
_TWO = frozenset({"link", "linkat", "rename", "renameat", "renameat2"})
_LAST = frozenset({"symlink", "symlinkat"})
"""Calls that name two files, and those whose first text names none."""


@dataclass(frozen=True, slots=True)
class Call:
    """
    One system call.

    Attributes:
        uid: The user with whose rights the call accessed the file system.
        paths: The files that the call named.
        opened: The file that the kernel opened, with symbolic links resolved; "" if no file was opened.
    """

    uid: int
    name: str
    paths: tuple[str, ...]
    opened: str
    line: str

    @property
    def writes(self) -> bool:
        """Whether the call could change a file."""
        is_open = self.name in ("open", "openat", "openat2")
        return self.name in WRITES or (is_open and bool(_TO_WRITE.search(self.line)))

    @property
    def by_handle(self) -> bool:
        """Whether the call named a file by an open descriptor."""
        return self.name in _BY_HANDLE


def command(log: Path) -> Sequence[str]:
    """Return the words to put before a command, so that its calls are written to a file."""
    what = f"trace={','.join(CALLS)}"
    return ["strace", "-f", "-y", "-qq", "-s", "4096", "--seccomp-bpf", "-e", "signal=none", "-e", what, "-o", str(log)]  # fmt: skip


def calls(lines: Iterable[str], uid: int = 0, directory: str = "/") -> Iterator[Call]:
    """
    Yield all calls, in the order in which they began.

    Args:
        uid: The user with whose rights the first process runs.
        directory: The working directory of the first process.
    """
    uids: dict[str, int] = {}
    for process, name, rest in _complete(lines):
        now = uids.setdefault(process, uid)
        if name in _IDENTITY:
            uids[process] = _changed(name, rest, now)
        elif name in _STARTS and (child := rest.rpartition("= ")[2].split(" ")[0]).isdigit():
            uids[child] = now
        else:
            yield _call(now, name, rest, directory)


@dataclass(slots=True)
class _Begun:
    """A call that may not have a result yet."""

    process: str
    name: str
    rest: str
    is_done: bool


def _complete(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield process, name and rest of each call; a resumed call is joined with its beginning."""
    begun: dict[str, _Begun] = {}
    found: deque[_Begun] = deque()
    for line in lines:
        if not (match := _LINE.match(line.rstrip("\n"))):
            continue
        process, resumed, name, rest = match.groups()
        if resumed:
            call = begun.pop(process)
            call.rest, call.is_done = call.rest + rest, True
        else:
            call = _Begun(process, name, rest.removesuffix(_UNFINISHED), not rest.endswith(_UNFINISHED))
            begun |= {} if call.is_done else {process: call}
            found.append(call)
        while found and found[0].is_done:
            yield found[0].process, found[0].name, found.popleft().rest
    # Processes that ended during a call.
    yield from ((call.process, call.name, call.rest) for call in found)


def _changed(name: str, rest: str, now: int) -> int:
    """Return the user with whose rights a thread runs after a call that may change the user."""
    words, _, answer = rest.rpartition("= ")
    numbers = [int(number) for number in _NUMBER.findall(words)]
    if name != "setfsuid" and answer.split(" ")[0] != "0":
        return now
    # Of the real, effective and saved user, the effective user decides.
    new = numbers[0] if name in ("setfsuid", "setuid") else numbers[1]
    return now if new == _UNCHANGED else new


def _call(uid: int, name: str, rest: str, directory: str) -> Call:
    words, _, answer = rest.rpartition(" = ")
    handle = _HANDLE.match(answer)
    if name in _BY_HANDLE:
        named = _HANDLE.match(words)
        paths = [_text(named[1])] if named else []
    else:
        named_all = [os.path.normpath(Path(directory, each)) for each in _named(words)]
        paths = named_all[-1:] if name in _LAST else named_all[: 2 if name in _TWO else 1]
    return Call(uid, name, tuple(paths), _text(handle[1]) if handle else "", f"{name}({rest}")


def _named(words: str) -> Iterator[str]:
    for beneath, name, alone in _WORD.findall(words):
        yield os.path.join(_text(beneath), _text(name)) if beneath else _text(alone)  # noqa: PTH118  bytes of any kind


def _text(quoted: str) -> str:
    """Return the text of a string in the C syntax of strace."""
    return os.fsdecode(codecs.escape_decode(quoted.encode())[0])


def in_words(found: Iterable[Call], limit: int = 10) -> str:
    """Return the first few calls, one per line."""
    listed = list(found)
    return (
        "\n".join(f"uid {call.uid}: {call.line[:300]}" for call in listed[:limit]) + f"\n{len(listed)} calls"
    )


def after(found: Iterable[Call], mark: Path) -> Iterator[Call]:
    """Yield the calls after the first that names a file below a directory, each with a readable place."""
    where = ""
    for call in found:
        if call.name == "access" and call.paths and Path(call.paths[0]).parent == mark:
            where = Path(call.paths[0]).name
        elif where:
            yield replace(call, line=f"{where}: {call.line}")
