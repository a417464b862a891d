"""
Bring the newest commit of a repository into force: fetch it, check it, check it out.

Whatever fails leaves the revision in force as it is.
"""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.source.files import MAX_FILES
from kvmreconcile.source.git.command import Git
from kvmreconcile.source.git.download import Download, Progress
from kvmreconcile.source.git.lock import locked
from kvmreconcile.source.git.remote import Remote
from kvmreconcile.source.git.revisions import Revision, Revisions
from kvmreconcile.source.git.signatures import Signatures
from kvmreconcile.source.sparse import SUBMODULE
from kvmreconcile.source.walk import MAX_DEPTH
from kvmreconcile.system.owner import acting_as_owner

_LEFTOVERS = (
    "*.lock",
    "refs/**/*.lock",
    "objects/pack/tmp_*",
    "objects/tmp_objdir-*",
    "objects/pack/*.temp",
    "objects/??/*.temp",
)
"""Files of a git that is at work; there is none while we have the mirror for ourselves."""
MAX_SIZE = 1 << 30
"""Maximum size of a revision in bytes; images of volumes may be among its files."""
_LONGEST_LINE = 500
"""Maximum number of characters of a commit's subject and author; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of a commit: its path, of which kind its object is, and its size in bytes."""

    path: str
    kind: str
    size: int


class Repository:
    """
    A remote repository and what this host has of it.

    Args:
        state: The directory of the state, whose owner does all the work. Nothing below it tells who that is: it may
            be a link.
    """

    def __init__(self, remote: Remote, state: Path) -> None:
        # git reads a path that is not absolute from where the files go, finds no index there, and lays out nothing.
        self._state = state.absolute()
        directory = self._directory = self._state / "git"
        self._remote = remote
        self._mirror = directory / "mirror.git"
        self._revisions = Revisions(directory / "revisions")
        self._git = Git(self._mirror, self._state, remote)
        self._progress: Progress = _ignore

    @property
    def name(self) -> str:
        """Its URL, without a password."""
        return self._remote.name

    def in_force(self) -> tuple[Revision, Path] | None:
        """Return the revision in force and the directory of its specs; None before the first, or of another remote."""
        with acting_as_owner(self._state):
            found = self._revisions.in_force()
        return found if found and self._is_ours(found[0]) else None

    def update(self, progress: Progress | None = None) -> bool:
        """
        Bring the newest revision into force, and tell whether it is another than before.

        Args:
            progress: Called with each line of progress, and with what is waited for.

        Raises:
            SourceError: It cannot be had, or must not be used; the one in force stays.
        """
        self._progress = progress or _ignore
        try:
            with acting_as_owner(self._state), self._alone():
                return self._update()
        except OSError as error:
            where = str(error.filename or self._directory)
            raise self._refused(f"{where}: {error.strerror}", self._access_to(where)) from None
        except RecursionError:
            what = f"{self._directory}: directories are nested too deep"
            raise self._refused(what, "remove the directories that kvmreconcile did not create") from None

    def _access_to(self, where: str) -> str:
        """Return what to do about a path that cannot be used: one of the state, or the file of allowed signers."""
        signers = self._remote.allowed_signers
        if signers is not None and where in {str(signers), os.path.realpath(signers)}:
            return "git.allowedSigners must be a file of at most 1 MiB that the owner of the state directory can read"
        return f"check permissions and free space of {self._state}, and that no file is in the way"

    def _update(self) -> bool:
        download = Download(self._git, self._remote, self._mirror, self._progress)
        try:
            return self._use(self._fetch(download))
        except SourceError:
            if download.has_left_too_much:
                # Whoever can push could fill the disk with commits that are refused one after the other. A download
                # from a web server that is aborted leaves the objects that were complete.
                with suppress(SourceError):
                    self._collect_garbage()
            raise

    def _collect_garbage(self) -> None:
        """Delete what neither the ref nor the revision in force needs."""
        last = self._revisions.last()
        if last and self._git.holds("cat-file", "-e", last.commit):
            self._git.ask("update-ref", "refs/fetched/in-force", last.commit)
        self._progress("deleting downloaded objects that are not used")
        self._git.ask("gc", "--quiet", "--prune=now")

    def _use(self, commit: str) -> bool:
        """Bring a commit into force if it may be used; tell whether it is another than before."""
        found = self.in_force()
        if found and found[0].commit == commit and found[0].submodules is not None:
            return False
        signer = self._trusted(commit)
        # However damaged its files are: that must not open the way back.
        before = self._revisions.last()
        if before and self._is_ours(before) and not self._remote.allow_rewind:
            self._check_descent(before.commit, commit)
        self._check_directory(commit)
        entries = tuple(self._entries(commit))
        self._check_size(commit, entries)
        revision = Revision(
            commit=commit,
            origin=self._origin,
            directory=self._remote.directory,
            subject=self._shown(commit, "%s"),
            author=self._shown(commit, "%an <%ae>"),
            signer=signer,
            submodules=tuple(entry.path for entry in entries if entry.kind == "commit"),
        )
        files = sum(entry.kind == "blob" for entry in entries)
        self._progress(f"checking out commit {commit[:12]} (files: {files:,})")
        self._revisions.activate(revision, lambda directory: self._check_out(commit, directory))
        return True

    @property
    def _origin(self) -> str:
        return f"{self._remote.name} {self._remote.ref}"

    def _is_ours(self, revision: Revision) -> bool:
        return (revision.origin, revision.directory) == (self._origin, self._remote.directory)

    def _fetch(self, download: Download) -> str:
        """Return the commit that the ref names now."""
        self._sweep()
        self._prepare()
        try:
            return download.commit()
        except SourceError:
            self._sweep()
            if not self._is_damaged():
                raise
            shutil.rmtree(self._mirror, ignore_errors=True)
            self._prepare()
            return download.commit()

    def _is_damaged(self) -> bool:
        """Tell whether the mirror, which is but a copy, was damaged, as by a power cut."""
        try:
            return self._mirror.exists() and not self._git.holds("fsck", "--connectivity-only")
        except SourceError:
            # It is too large to be checked in time; the first error counts.
            return False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Work on the mirror while no other process does, nor a git that was left running when its caller was killed."""
        with locked(self._directory, self._remote.name, self._progress) as handle, self._git.holding(handle):
            yield

    def _sweep(self) -> None:
        """Remove what a git that was killed has left in the mirror."""
        left = [path for pattern in _LEFTOVERS for path in self._mirror.glob(pattern)]
        # From a server that only serves files, git has the index of a pack first.
        left += (
            each for each in self._mirror.glob("objects/pack/*.idx") if not each.with_suffix(".pack").exists()
        )
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _prepare(self) -> None:
        """Make the mirror unless it is there."""
        if not self._mirror.is_dir():
            # git would block on a pipe.
            self._mirror.unlink(missing_ok=True)
        self._mirror.mkdir(parents=True, exist_ok=True)
        self._git.ask("init", "--quiet", "--bare")

    def _trusted(self, commit: str) -> str:
        """Return who signed a commit, "" where that is not asked for."""
        signers = self._remote.allowed_signers
        if signers is None or commit == self._remote.trust_commit:
            return ""
        if not signers.is_file():
            what = f"git.allowedSigners: {signers} cannot be found or is not a file"
            todo = "create it, correct the path, or make it accessible to the owner of the state directory"
            raise self._refused(what, todo)
        checked = Signatures(self._git, self._directory).check(commit, signers)
        if checked.problem:
            raise self._refused(f"commit {commit[:12]} {checked.problem}", checked.todo(commit, signers))
        return checked.signer

    def _check_descent(self, old: str, new: str) -> None:
        known = self._git.holds("rev-parse", "--quiet", "--verify", f"{old}^{{commit}}")
        if not known or not self._git.holds("merge-base", "--is-ancestor", old, new):
            what = f"commit {new[:12]} does not descend from {old[:12]}, which came into force last"
            todo = "push a descendant of that commit, or set git.allowRewind: true until this one is in force"
            raise self._refused(what, todo)

    def _check_directory(self, commit: str) -> None:
        directory = self._remote.directory
        listed = self._git.ask("ls-tree", "-d", commit, directory).split() if directory else ["", "tree"]
        if not listed:
            what = f'commit {commit[:12]} has no directory "{directory}"'
            raise self._refused(what, "correct git.directory, or push that directory")
        if listed[1] != "tree":
            what = f'in commit {commit[:12]} "{directory}" {SUBMODULE}'
            raise self._refused(what, "correct git.directory, or put the specs into the repository itself")

    def _entries(self, commit: str) -> Iterator[_Entry]:
        """Yield the files in a revision's directory; the entry of a submodule is a commit of another repository."""
        listed = self._git.ask("ls-tree", "-r", "-l", "-z", f"{commit}:{self._remote.directory}")
        for entry in filter(None, listed.split("\0")):
            about, _, path = entry.partition("\t")
            _mode, kind, _name, size = about.split()
            yield _Entry(path, kind, int(size) if size.isdecimal() else 0)

    def _check_size(self, commit: str, entries: Collection[_Entry]) -> None:
        """Check, before a revision is checked out, that its files, bytes and levels are within the limits of specs."""
        for count, most, what in (
            (len(entries), MAX_FILES, f"{MAX_FILES:,} files"),
            (sum(entry.size for entry in entries), MAX_SIZE, f"{MAX_SIZE >> 20} MiB"),
            (
                max((entry.path.count("/") for entry in entries), default=0),
                MAX_DEPTH,
                f"{MAX_DEPTH} levels of directories",
            ),
        ):
            if count > most:
                todo = "take files out of it, or name a smaller git.directory"
                raise self._refused(f"commit {commit[:12]} has more than {what}", todo)

    def _check_out(self, commit: str, directory: Path) -> None:
        """Write a revision's files; nothing of its attributes or submodules is acted upon."""
        index = directory.with_name("index")
        where = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(directory)}
        self._git.ask("read-tree", f"{commit}:{self._remote.directory}", environment=where)
        self._git.ask("checkout-index", "--all", "--quiet", environment=where)
        index.unlink()

    def _shown(self, commit: str, form: str) -> str:
        return self._git.ask("log", "-1", f"--format={form}", commit)[:_LONGEST_LINE]

    def _refused(self, what: str, todo: str) -> SourceError:
        return SourceError(Problem(self._remote.name, what, todo))


def _ignore(_line: str) -> None:
    """Show no progress."""
