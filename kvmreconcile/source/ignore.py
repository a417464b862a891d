"""Read the ignore file of a directory of specs, in the syntax of gitignore(5)."""

import re
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

from kvmreconcile.model import Source
from kvmreconcile.source.problem import LocatedProblem, printable

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MOST = 256
"""Maximum number of patterns; each pattern is matched against every name."""
_STARS, _DEEP = 3, 4
"""
Maximum number of "*" in one part of a pattern, and of "**" in a whole pattern.

A pattern that exceeds these limits may take minutes to match.
"""


@dataclass(frozen=True, slots=True)
class Ignored:
    """The patterns of an ignore file; use `read` to create an instance."""

    _spec: "GitIgnoreSpec | None" = None

    @classmethod
    def read(cls, content: bytes, name: str) -> Self | LocatedProblem:
        """
        Read an ignore file.

        Args:
            content: The bytes of the file.
            name: The file's name in messages.

        Returns:
            The patterns, or the first error in the file.
        """
        from pathspec import GitIgnoreSpec  # noqa: PLC0415  loaded only when needed

        # The content is decoded like file names in Python, so that invalid UTF-8 matches itself.
        lines = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n")
        lines = [line.removesuffix("\r") for line in lines]
        patterns = [(number, line) for number, line in enumerate(lines, 1) if _is_pattern(line)]
        for count, (number, line) in enumerate(patterns, 1):
            what = _describe_excess(line) if count <= MOST else f"there are more than {MOST} patterns"
            if what or not _is_valid(line):
                valid = "use the syntax of gitignore(5), without classes such as [[:alpha:]]"
                todo = f"{'use fewer' if what else valid}; until then, this file excludes nothing"
                what = (
                    what
                    or f"'{printable(line)}' is not a valid gitignore pattern, or uses unsupported syntax"
                )
                return LocatedProblem(Source(name, number, 1), what, todo)
        return cls(GitIgnoreSpec.from_lines(line for _, line in patterns))

    def names(self, path: PurePosixPath, *, is_directory: bool) -> bool:
        """
        Return whether a pattern matches a path in the directory of specs.

        The parents of the path are not checked separately.
        """
        return self._spec is not None and self._spec.match_file(f"{path}/" if is_directory else str(path))

    def covers(self, path: PurePosixPath) -> bool:
        """Return whether a pattern matches a directory or any of its parents."""
        return any(self.names(each, is_directory=True) for each in (path, *path.parents[:-1]))


NOTHING = Ignored()


def _is_pattern(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _describe_excess(line: str) -> str:
    """
    Return which limit a pattern exceeds, or "" if it exceeds none.

    Matching a pattern that exceeds a limit may take minutes.
    """
    parts = line.split("/")
    is_much = sum(part == "**" for part in parts) > _DEEP
    is_much |= any(len(re.findall(r"\*+", part)) > _STARS for part in parts if part != "**")
    return f"a pattern may have at most {_STARS} '*' in a name and {_DEEP} '**'" if is_much else ""


def _is_valid(line: str) -> bool:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  loaded only when needed

    try:
        with warnings.catch_warnings():
            # Unlike git, pathspec does not support classes such as [[:alpha:]], and warns.
            warnings.simplefilter("error")
            GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error, Warning):
        return False
    return True
