"""
List the files of a directory in a commit, and what its symbolic links to other directories lead to.

Only the directory is checked out. A symbolic link in it that leads to another directory of the same
repository is therefore checked out as a copy of its target. All other links stay as they are; those
that lead out of the repository are reported when the files are read.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from kvmreconcile.source.git.command import Git

_LINK = "120000"
_FILE = "100644"
_OUT = b"symlink "
_WITH_TEXT = re.compile(rb"(?:symlink|dangling|loop|notdir) (\d+)")
"""Answers that are followed by a text of this size and a line feed (git-cat-file(1))."""
_OBJECT = re.compile("([0-9a-f]+) (blob|tree) ([0-9]+)")


@dataclass(frozen=True, slots=True)
class TreeFile:
    """
    A file of a commit.

    Attributes:
        path: The file's path below the directory.
        kind: The type of the file's object, such as "blob"; "commit" for a submodule.
        size: The file's size in bytes.
        name: The hash of the file's object.
        is_copy: Whether a symbolic link, to the file or to a directory around it, was replaced by its target.
    """

    path: str
    mode: str
    kind: str
    name: str
    size: int
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class TreeFiles:
    """
    Lists the files of a directory in a commit.

    Attributes:
        directory: The directory's path in the repository; "" for the whole repository.
        most: The number of files after which the listing ends.
    """

    git: Git
    commit: str
    directory: str
    most: int

    def read(self) -> tuple[TreeFile, ...]:
        """Return the files, with those that are copied."""
        tree = self.git.output("rev-parse", f"{self.commit}:{self.directory}")
        return tuple(islice(self._list(tree, "", ()), self.most))

    def _list(self, tree: str, above: str, around: Sequence[str]) -> Iterator[TreeFile]:
        """
        Yield the files of a tree.

        Args:
            tree: The name of the tree's object.
            above: The tree's path below the directory, with a slash at the end; "" for the directory itself.
            around: The names of the copied trees that contain the tree, and of the tree itself.
        """
        files = [*_read(self.git.output_bytes("ls-tree", "-r", "-l", "-z", tree))]
        targets = self._targets(tree, above, [file for file in files if file.mode == _LINK])
        for file in files:
            path, target = above + file.path, targets.get(file.path)
            if target is None or target.name in around:
                yield replace(file, path=path, is_copy=bool(around))
            elif target.kind == "tree":
                yield from self._list(target.name, f"{path}/", (*around, target.name))
            else:
                yield replace(target, path=path)

    def _targets(self, tree: str, above: str, links: Sequence[TreeFile]) -> dict[str, TreeFile]:
        """Return the targets of symbolic links that lead out of a tree and not of the repository, by path."""
        paths = [link.path for link in links if "\n" not in link.path]
        inside = zip(paths, self._follow([f"{tree}:{path}" for path in paths]), strict=True)
        out = [path for path, answer in inside if answer.startswith(_OUT)]
        root = f"{self.commit}:{self.directory}{'/' if self.directory else ''}{above}"
        answers = self._follow([root + path for path in out])
        targets = {path: _target(answer) for path, answer in zip(out, answers, strict=True)}
        return {path: target for path, target in targets.items() if target}

    def _follow(self, names: Sequence[str]) -> list[bytes]:
        """Return the answer of git-cat-file(1) for each path in a tree, with symbolic links resolved in the tree."""
        if not names:
            return []
        asked = b"".join(os.fsencode(name) + b"\n" for name in names)
        left = self.git.filtered(asked, "cat-file", "--batch-check", "--follow-symlinks")
        answers = []
        while left:
            answer, _, left = left.partition(b"\n")
            answers.append(answer)
            if more := _WITH_TEXT.fullmatch(answer):
                left = left[int(more[1]) + 1 :]
        return answers


def _read(listed: bytes) -> Iterator[TreeFile]:
    for entry in filter(None, listed.split(b"\0")):
        about, _, path = entry.partition(b"\t")
        mode, kind, name, size = about.decode().split()
        yield TreeFile(os.fsdecode(path), mode, kind, name, int(size) if size.isdecimal() else 0)


def _target(answer: bytes) -> TreeFile | None:
    """Return the file or tree of an answer; None if there is none, or if it is out of the repository."""
    found = _OBJECT.fullmatch(answer.decode(errors="replace"))
    return TreeFile("", _FILE, found[2], found[1], int(found[3]), is_copy=True) if found else None
