"""
Download the commit that the remote's ref names, and no other branch or tag.

Other branches neither cause errors nor fill the disk. A download is aborted only if it makes no
progress or exceeds the maximum size.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.source.git.command import Git, GitError
from kvmreconcile.source.git.remote import Remote
from kvmreconcile.tree.scalars import print_size

COMMIT = re.compile("[0-9a-f]{40}")
"""Matches the full hash of a commit."""
Progress = Callable[[str], None]
"""Called with each line of git's progress; while nothing arrives, with the step git waits for."""

# The refs in the mirror have fixed names, so that branches "a" and "a/b" do not conflict.
_REFS = "refs/fetched"
_ALL = (f"+refs/heads/*:{_REFS}/all/heads/*", f"+refs/tags/*:{_REFS}/all/tags/*")
_OPTIONS = ("--progress", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
_NOT_BY_HASH = ("Server does not allow request for unadvertised object", "not our ref")
"""Errors of a server without uploadpack.allowReachableSHA1InWant (git-config(1))."""
_QUIET_S = 2.0
"""Seconds without new data after which the wait is reported as progress."""
_NO_PROGRESS = re.compile("From |.* -> |notice: ")
"""Matches lines of git that are not progress, such as the names of refs."""
_RECEIVED = ("Receiving objects: ", "Unpacking objects: ")
"""Beginnings of progress lines for a received pack, whose objects git checks."""
_LONGEST_LINE = 500
"""Maximum number of characters in a line of progress."""


@dataclass(frozen=True, slots=True)
class _OfferedRef:
    """A ref of the remote: "branch" or "tag", its full name, and the hash of its object."""

    kind: str
    name: str
    object: str


class Download:
    """
    A download into a mirror; `progress` is called during the download.

    Attributes:
        has_fetched: Whether anything was downloaded.
    """

    def __init__(self, git: Git, remote: Remote, mirror: Path, progress: Progress) -> None:
        self._git, self._remote, self._mirror, self._progress = git, remote, mirror, progress
        self._line, self._is_cut_off, self._is_received = "", False, False
        self._before = self._size = 0
        self._shown, self._heard_s = "", 0.0
        self.has_fetched = False

    def commit(self) -> str:
        """
        Download the commit that the ref names now, with its whole history, and return its hash.

        Raises:
            SourceError: The download failed, or the ref does not name a commit.
        """
        ref = self._remote.ref
        # Commits take precedence: anyone who can push can create a branch named like a hash.
        if COMMIT.fullmatch(ref) and (commit := self._pinned(ref)):
            return commit
        for offered in self._offered(ref):
            return self._fetch_offered(offered)
        todo = f"correct git.ref{self._default_branch()}, or push the branch, tag or commit that it names"
        what = f'the repository offers no branch, tag or full commit hash "{ref}"'
        raise SourceError(Problem(self._remote.name, what, todo))

    def _fetch_offered(self, offered: _OfferedRef) -> str:
        """Download the commit of a branch or tag, with its whole history, and return its hash."""
        if not COMMIT.fullmatch(offered.object):
            what = "the repository's objects have SHA-256 names, which are not supported"
            raise SourceError(Problem(self._remote.name, what, "use a repository with SHA-1 object names"))
        own = f"{_REFS}/{offered.kind}"
        if not self._holds(own, offered.object):
            self._fetch(f"+{offered.name}:{own}")
        if not self._holds(own, offered.object) and self._is_cut_off:
            raise self._shallow()
        if not self._is_here(own):
            what = f'{offered.kind} "{self._remote.ref}" names no commit'
            raise SourceError(Problem(self._remote.name, what, "correct git.ref"))
        return self._git.output("rev-parse", "--verify", f"{own}^{{commit}}")

    def _shallow(self) -> SourceError:
        # A later download must not find the incomplete history in the mirror.
        shutil.rmtree(self._mirror, ignore_errors=True)
        what = "the repository is a shallow clone, which lacks part of its history"
        todo = 'run "git fetch --unshallow" in that repository'
        return SourceError(Problem(self._remote.name, what, todo))

    def _default_branch(self) -> str:
        """Return text that names the remote's default branch, or "" if it does not exist."""
        listed = self._list("--symref", "--", self._remote.url, "HEAD")
        found = re.match("ref: refs/heads/([^\t\n]+)\t", listed)
        return f' (the default branch is "{found[1]}")' if found else ""

    def _pinned(self, ref: str) -> str:
        """Return the commit with a full hash, downloaded if necessary; "" if it does not exist."""
        if not self._is_here(ref):
            try:
                self._fetch(f"+{ref}:{_REFS}/commit")
            except GitError as error:
                if not any(word in error.printed for word in _NOT_BY_HASH):
                    raise
                self._fetch(*_ALL)
            if self._is_cut_off and not self._git.succeeds("rev-list", "--quiet", ref):
                raise self._shallow()
        return self._git.output("rev-parse", "--verify", f"{ref}^{{commit}}") if self._is_here(ref) else ""

    def _is_here(self, commit: str) -> bool:
        """Return whether a hash or ref names a commit in the mirror, or a tag of such a commit."""
        return self._git.succeeds("cat-file", "-e", f"{commit}^{{commit}}")

    def _holds(self, own: str, offered: str) -> bool:
        """Return whether a ref in the mirror names the object with the given hash."""
        if not self._git.succeeds("rev-parse", "--quiet", "--verify", own):
            return False
        return self._git.output("rev-parse", "--verify", own) == offered

    def _offered(self, ref: str) -> Iterator[_OfferedRef]:
        """Yield the branch and the tag of the given name, if the remote has them."""
        names = {"branch": f"refs/heads/{ref}", "tag": f"refs/tags/{ref}"}
        lines = self._list("--", self._remote.url, *names.values()).split("\n")
        # git reads the names as patterns.
        offered = {name: found for found, _, name in (line.partition("\t") for line in lines)}
        yield from (_OfferedRef(kind, name, offered[name]) for kind, name in names.items() if name in offered)

    def _list(self, *words: str) -> str:
        self._start_waiting()
        return self._git.output("ls-remote", "--quiet", *words, watch=self._wait)

    def _fetch(self, *refspecs: str) -> None:
        words = ("fetch", *_OPTIONS, "--", self._remote.url, *refspecs)
        accepted = {f"fetch.fsck.{name}": "ignore" for name in self._remote.accept}
        self._line, self._is_cut_off, self._is_received = "", False, False
        self._before = self._size = self.measure()
        self.has_fetched = True
        self._start_waiting()
        refs = self._refs()
        try:
            self._git.output(*words, settings=accepted, watch=self._watch)
        except GitError:
            raise
        except SourceError:
            # If git has updated the refs, a later download would find the refused commit.
            self._restore(refs)
            raise
        if not self._is_received:
            self._check()

    def _refs(self) -> dict[str, str]:
        """Return the hash of the object that each ref of the mirror names."""
        listed = self._git.output("for-each-ref", "--format=%(refname) %(objectname)", _REFS)
        lines = filter(None, listed.split("\n"))
        return {name: found for name, _, found in (line.partition(" ") for line in lines)}

    def _restore(self, refs: Mapping[str, str]) -> None:
        for name, found in self._refs().items():
            if name not in refs:
                self._git.output("update-ref", "-d", name)
            elif refs[name] != found:
                self._git.output("update-ref", name, refs[name])

    @property
    def has_left_too_much(self) -> bool:
        """Whether failed downloads and refused commits left more data than allowed."""
        size, most = self.measure(), self._remote.max_download
        return self.has_fetched and (size - self._before > most or size > 2 * most)

    def _check(self) -> None:
        """Check objects that were fetched file by file, since git does not check them."""
        accepted = {f"fsck.{name}": "ignore" for name in self._remote.accept}
        self._line, self._before = "", self.measure()
        try:
            self._git.output(
                "fsck", "--strict", "--no-dangling", "--progress", settings=accepted, watch=self._watch
            )
        except SourceError:
            # A later download must not find refused objects in the mirror.
            shutil.rmtree(self._mirror, ignore_errors=True)
            raise

    def _watch(self, printed: str) -> bool:
        """
        Report progress, and return whether there is any.

        Raises:
            SourceError: The download is too large.
        """
        *lines, self._line = re.split(r"[\r\n]", self._line + printed)
        self._line = self._line[-_LONGEST_LINE:]
        for line in filter(None, map(str.strip, lines)):
            self._is_received |= line.startswith(_RECEIVED)
            self._is_cut_off |= "shallow roots are not allowed" in line
            if not _NO_PROGRESS.match(line):
                self._shown = line[:_LONGEST_LINE]
                self._progress(self._shown)
        size = self.measure()
        has_grown, self._size = size != self._size, size
        if size - self._before > self._remote.max_download:
            what = f"the download is larger than {print_size(self._remote.max_download)}"
            todo = "raise git.maxDownload, or set git.ref to another branch, tag or commit"
            raise SourceError(Problem(self._remote.name, what, todo))
        if has_grown or printed:
            self._heard_s = time.monotonic()
            return True
        return self._wait("")

    def _start_waiting(self) -> None:
        self._shown, self._heard_s = f"waiting for {self._remote.name} to answer", time.monotonic()

    def _wait(self, _printed: str) -> bool:
        """Report what git is waiting for; return False, because waiting is not progress."""
        quiet_s = time.monotonic() - self._heard_s
        if quiet_s >= _QUIET_S:
            limit = f"will be aborted after {self._remote.timeout_s:g} s"
            self._progress(f"no progress for {quiet_s:.0f} s ({limit}): {self._shown}")
        return False

    def measure(self) -> int:
        """Return the size in bytes of all objects in the mirror, complete or incomplete."""
        total, left = 0, [str(self._mirror / "objects")]
        while left:
            try:
                with os.scandir(left.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            left.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_size
            except OSError:
                # git moves and removes files at the same time.
                continue
        return total
