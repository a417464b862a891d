"""Maintain the mirror, a bare repository with the commits that this host has downloaded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmreconcile.errors import SourceError
from kvmreconcile.source.git.command import Git
from kvmreconcile.source.git.download import Download, Progress
from kvmreconcile.source.git.lock import locked
from kvmreconcile.source.git.remote import Remote

_LEFTOVERS = (
    "*.lock",
    "refs/**/*.lock",
    "objects/pack/tmp_*",
    "objects/tmp_objdir-*",
    "objects/pack/*.temp",
    "objects/??/*.temp",
)
"""
Files that exist only while git runs.

If they exist while no git runs and this process holds the lock, a killed git has left them.
"""


class Mirror:
    """
    The mirror of a remote repository.

    Args:
        directory: The directory of the mirror and its lock.
        state: The state directory; git runs as the owner of this directory.
    """

    def __init__(self, directory: Path, state: Path, remote: Remote) -> None:
        self._directory, self._path, self._remote = directory, directory / "mirror.git", remote
        self.git = Git(self._path, state, remote)

    @contextmanager
    def locked(self, progress: Progress) -> Iterator[None]:
        """Hold the lock of the mirror; a git process that outlives this process keeps the lock."""
        with locked(self._directory, self._remote.name, progress) as lock, self.git.inheriting(lock):
            yield

    def download(self, progress: Progress) -> Download:
        """Return a new download into the mirror."""
        return Download(self.git, self._remote, self._path, progress)

    def fetch(self, download: Download) -> str:
        """
        Download the commit that the ref names now, and return its hash.

        A damaged mirror is deleted and created again.

        Raises:
            SourceError: The commit cannot be downloaded.
        """
        self._remove_leftovers()
        self._create()
        try:
            return download.commit()
        except SourceError:
            self._remove_leftovers()
            if not self._is_damaged():
                raise
            shutil.rmtree(self._path, ignore_errors=True)
            self._create()
            return download.commit()

    def collect_garbage(self, needed: str) -> None:
        """
        Delete all objects except those that belong to the ref's commit or the given commit.

        Args:
            needed: The hash of another commit to keep, "" for none.
        """
        if needed and self.git.succeeds("cat-file", "-e", needed):
            self.git.output("update-ref", "refs/fetched/in-force", needed)
        self.git.output("gc", "--quiet", "--prune=now")

    def _is_damaged(self) -> bool:
        """Return whether the mirror is damaged, for example by a power cut."""
        try:
            return self._path.exists() and not self.git.succeeds("fsck", "--connectivity-only")
        except SourceError:
            # The check of a large mirror may time out. The first error is reported instead.
            return False

    def _remove_leftovers(self) -> None:
        """Remove files that a killed git has left."""
        left = [path for pattern in _LEFTOVERS for path in self._path.glob(pattern)]
        # If a server only serves files, git downloads the index of a pack before the pack.
        left += (
            each for each in self._path.glob("objects/pack/*.idx") if not each.with_suffix(".pack").exists()
        )
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _create(self) -> None:
        """Create the mirror if it does not exist."""
        if not self._path.is_dir():
            # git would block on a pipe.
            self._path.unlink(missing_ok=True)
        self._path.mkdir(parents=True, exist_ok=True)
        self.git.output("init", "--quiet", "--bare")
