"""
Switch to the newest commit of a repository: fetch the commit, verify it, and check it out.

After a failure, the current revision stays in use.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.source.files import MAX_FILES
from kvmreconcile.source.git.download import Progress
from kvmreconcile.source.git.mirror import Mirror
from kvmreconcile.source.git.remote import Remote
from kvmreconcile.source.git.revisions import Revision, Revisions
from kvmreconcile.source.git.signatures import Signatures
from kvmreconcile.source.git.tree_files import TreeFile, TreeFiles
from kvmreconcile.source.sparse import SUBMODULE
from kvmreconcile.source.walk import MAX_DEPTH
from kvmreconcile.system.owner import acting_as_owner

MAX_SIZE = 1 << 30
"""Maximum size of a revision in bytes; a revision may include volume images."""
_LONGEST_LINE = 500
"""Maximum number of characters of a commit's subject and author; longer texts are cut off."""


class Repository:
    """
    A remote repository, and its revisions on this host.

    Args:
        state: The state directory. All work is done as its owner. The owner of files inside is not
            used, as these files may be symbolic links.
    """

    def __init__(self, remote: Remote, state: Path) -> None:
        # With a relative path, git would look for the index below the work tree and write no file.
        self._state = state.absolute()
        directory = self._directory = self._state / "git"
        self._remote = remote
        self._mirror = Mirror(directory, self._state, remote)
        self._git = self._mirror.git
        self._revisions = Revisions(directory / "revisions")
        self._progress: Progress = _ignore

    @property
    def name(self) -> str:
        """The repository's URL, without a password."""
        return self._remote.name

    def in_force(self) -> tuple[Revision, Path] | None:
        """
        Return the current revision and the directory of its specs.

        Returns None if no revision of this remote is checked out, or if it is damaged.
        """
        with acting_as_owner(self._state):
            found = self._revisions.in_force()
        return found if found and self._is_ours(found[0]) else None

    def update(self, progress: Progress | None = None) -> bool:
        """
        Fetch the newest revision and switch to it.

        Args:
            progress: Called with each line of progress, and with the step that git is waiting for.

        Returns:
            Whether the revision differs from the previous one.

        Raises:
            SourceError: The revision cannot be fetched or must not be used. The current revision
                stays in use.
        """
        self._progress = progress or _ignore
        try:
            with acting_as_owner(self._state), self._mirror.locked(self._progress):
                return self._update()
        except OSError as error:
            where = str(error.filename or self._directory)
            raise self._refusal(f"{where}: {error.strerror}", self._access_to(where)) from None
        except RecursionError:
            what = f"{self._directory}: directories are nested too deep"
            raise self._refusal(what, "remove the directories that kvmreconcile did not create") from None

    def _access_to(self, where: str) -> str:
        """
        Return the advice for a path that cannot be used.

        Args:
            where: A path in the state directory, or the file of allowed signers.
        """
        signers = self._remote.allowed_signers
        if signers is not None and where in {str(signers), os.path.realpath(signers)}:
            return "git.allowedSigners must be a file of at most 1 MiB that the owner of the state directory can read"
        return f"check permissions and free space of {self._state}, and that no file is in the way"

    def _update(self) -> bool:
        download = self._mirror.download(self._progress)
        try:
            return self._use(self._mirror.fetch(download))
        except SourceError:
            if download.has_left_too_much:
                # Otherwise, anyone who can push could fill the disk with commits that are refused.
                # An aborted download from a web server leaves completed objects behind.
                last = self._revisions.last()
                self._progress("deleting downloaded objects that are not used")
                with suppress(SourceError):
                    self._mirror.collect_garbage(last.commit if last else "")
            raise

    def _use(self, commit: str) -> bool:
        """Switch to a commit if it may be used; return whether it differs from the previous one."""
        found = self.in_force()
        if found and found[0].commit == commit and found[0].submodules is not None:
            return False
        signer = self._check_signature(commit)
        # This check includes a damaged revision: damage must not allow a commit that does not
        # descend from it.
        before = self._revisions.last()
        if before and self._is_ours(before) and not self._remote.allow_rewind:
            self._check_descent(before.commit, commit)
        self._check_directory(commit)
        entries = TreeFiles(self._git, commit, self._remote.directory, MAX_FILES + 1).read()
        self._check_size(commit, entries)
        revision = Revision(
            commit=commit,
            origin=self._origin,
            directory=self._remote.directory,
            subject=self._log_field(commit, "%s"),
            author=self._log_field(commit, "%an <%ae>"),
            signer=signer,
            submodules=tuple(entry.path for entry in entries if entry.kind == "commit"),
        )
        files = sum(entry.kind == "blob" for entry in entries)
        self._progress(f"checking out commit {commit[:12]} (files: {files:,})")
        self._revisions.activate(revision, lambda directory: self._check_out(commit, entries, directory))
        return True

    @property
    def _origin(self) -> str:
        return f"{self._remote.name} {self._remote.ref}"

    def _is_ours(self, revision: Revision) -> bool:
        return (revision.origin, revision.directory) == (self._origin, self._remote.directory)

    def _check_signature(self, commit: str) -> str:
        """Return the signer of a commit, or "" if signatures are not checked."""
        signers = self._remote.allowed_signers
        if signers is None or commit == self._remote.trust_commit:
            return ""
        if not signers.is_file():
            what = f"git.allowedSigners: {signers} cannot be found or is not a file"
            todo = "create the file, correct the path, or make the file accessible to the owner of the state directory"
            raise self._refusal(what, todo)
        checked = Signatures(self._git, self._directory).check(commit, signers)
        if checked.problem:
            raise self._refusal(f"commit {commit[:12]} {checked.problem}", checked.todo(commit, signers))
        return checked.signer

    def _check_descent(self, old: str, new: str) -> None:
        known = self._git.succeeds("rev-parse", "--quiet", "--verify", f"{old}^{{commit}}")
        if not known or not self._git.succeeds("merge-base", "--is-ancestor", old, new):
            what = f"commit {new[:12]} does not descend from {old[:12]}, the last commit that was used"
            todo = (
                "push a descendant of that commit, or set git.allowRewind: true until this commit is in use"
            )
            raise self._refusal(what, todo)

    def _check_directory(self, commit: str) -> None:
        directory = self._remote.directory
        listed = self._git.output("ls-tree", "-d", commit, directory).split() if directory else ["", "tree"]
        if not listed:
            what = f'commit {commit[:12]} has no directory "{directory}"'
            raise self._refusal(what, "correct git.directory, or push that directory")
        if listed[1] != "tree":
            what = f'in commit {commit[:12]} "{directory}" {SUBMODULE}'
            raise self._refusal(what, "correct git.directory, or put the specs into the repository itself")

    def _check_size(self, commit: str, entries: Collection[TreeFile]) -> None:
        """Check that the number, size and depth of files in a commit are within the limits."""
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
                todo = "remove files from the commit, or set git.directory to a smaller directory"
                raise self._refusal(f"commit {commit[:12]} has more than {what}", todo)

    def _check_out(self, commit: str, entries: Collection[TreeFile], directory: Path) -> None:
        """Write a revision's files, without applying git attributes or checking out submodules."""
        index = directory.with_name("index")
        where = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(directory)}
        self._git.output("read-tree", f"{commit}:{self._remote.directory}", environment=where)
        copies = "".join(f"{each.mode} {each.name}\t{each.path}\0" for each in entries if each.is_copy)
        # With --replace, a directory takes the place of the symbolic link to it.
        add = ("update-index", "-z", "--add", "--replace", "--index-info")
        self._git.filtered(os.fsencode(copies), *add, environment=where)
        self._git.output("checkout-index", "--all", "--quiet", environment=where)
        index.unlink()

    def _log_field(self, commit: str, form: str) -> str:
        return self._git.output("log", "-1", f"--format={form}", commit)[:_LONGEST_LINE]

    def _refusal(self, what: str, todo: str) -> SourceError:
        return SourceError(Problem(self._remote.name, what, todo))


def _ignore(_line: str) -> None:
    """Ignore a line of progress."""
