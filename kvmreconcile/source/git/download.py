"""
Download what a remote's ref names, and no other branch or tag, into refs of our own.

Whatever other people push to other branches neither stops this host nor fills its disk. A download ends only if it
makes no progress, or if it is larger than allowed.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.source.git.command import Git
from kvmreconcile.source.git.remote import Remote

COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")
"""The full name of a commit."""
Progress = Callable[[str], None]
"""Called with each line of progress, such as "Receiving objects:  12% (340/2810), 10.00 MiB | 250.00 KiB/s"."""

_OURS = "refs/fetched"
_ALL = (f"+refs/heads/*:{_OURS}/heads/*", f"+refs/tags/*:{_OURS}/tags/*")
_OPTIONS = ("--progress", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
# Small packs would else be written as loose objects, whose size is not watched.
_SETTINGS = {"fetch.unpackLimit": "1"}
_BY_NAME = "Server does not allow request for unadvertised object"
"""What a server says that gives no commit by its name (uploadpack.allowReachableSHA1InWant in git-config(1))."""


class Download:
    """
    Downloads into a mirror.

    Args:
        progress: Called while something is downloaded.
    """

    def __init__(self, git: Git, remote: Remote, mirror: Path, progress: Progress) -> None:
        self._git, self._remote, self._mirror, self._progress = git, remote, mirror, progress
        self._line = ""

    def commit(self) -> str:
        """
        Return the commit that the ref names now, once all of its history is in the mirror.

        Raises:
            SourceError: It cannot be had, or there is none.
        """
        ref = self._remote.ref
        if COMMIT.fullmatch(ref) and (commit := self._pinned(ref)):
            return commit
        for name, offered in self._offered(ref):
            own = f"{_OURS}/{name.removeprefix('refs/')}"
            if not self._git.holds("rev-parse", "--quiet", "--verify", own) or self._named(own) != offered:
                self._fetch(f"+{name}:{own}")
            return self._git.ask("rev-parse", "--verify", f"{own}^{{commit}}")
        raise SourceError(
            Problem(
                self._remote.name,
                f'it has no branch, tag or commit "{ref}"',
                "correct git.ref, or push what it names",
            )
        )

    def _pinned(self, ref: str) -> str:
        """Return the commit of a full name, "" if the remote has none; one that is here is not asked for again."""
        if not self._is_here(ref):
            try:
                self._fetch(f"+{ref}:{_OURS}/commit")
            except SourceError as error:
                if _BY_NAME not in error.problem.what and "not our ref" not in error.problem.what:
                    raise
                self._fetch(*_ALL)
        return self._git.ask("rev-parse", "--verify", f"{ref}^{{commit}}") if self._is_here(ref) else ""

    def _is_here(self, commit: str) -> bool:
        return self._git.holds("cat-file", "-e", f"{commit}^{{commit}}")

    def _named(self, ref: str) -> str:
        return self._git.ask("rev-parse", "--verify", ref)

    def _offered(self, ref: str) -> Iterator[tuple[str, str]]:
        """Yield the branch and the tag of a name that the remote has, each with the object that it names."""
        names = (f"refs/heads/{ref}", f"refs/tags/{ref}")
        lines = self._git.ask("ls-remote", "--quiet", "--", self._remote.url, *names).splitlines()
        # git takes the names for patterns.
        offered = {name: found for found, _, name in (line.partition("\t") for line in lines)}
        yield from ((name, offered[name]) for name in names if name in offered)

    def _fetch(self, *refspecs: str) -> None:
        self._forget_others(refspecs[0].partition(":")[2])
        words = ("fetch", *_OPTIONS, "--", self._remote.url, *refspecs)
        self._line = ""
        self._git.ask(*words, settings={**_SETTINGS, **self._accepted()}, watch=self._watch)

    def _forget_others(self, own: str) -> None:
        """Delete refs of other names: one that is called as a directory of ours would be in the way."""
        for ref in self._git.ask("for-each-ref", "--format=%(refname)").splitlines():
            if ref != own:
                self._git.ask("update-ref", "-d", ref)

    def _accepted(self) -> dict[str, str]:
        return {f"fetch.fsck.{name}": "ignore" for name in self._remote.accept}

    def _watch(self, printed: str) -> None:
        """Hand on each line of progress, and end a download that is too large."""
        *lines, self._line = re.split(r"[\r\n]", self._line + printed)
        for line in filter(None, map(str.strip, lines)):
            self._progress(line)
        most = self._remote.max_download
        if sum(_size(file) for file in self._mirror.glob("objects/pack/tmp_pack_*")) > most:
            what = f"what is new in it is larger than {most >> 20} MiB"
            raise SourceError(
                Problem(self._remote.name, what, "raise git.maxDownload, or name another git.ref")
            )


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
