"""
Run git without the configuration of this host or the repository.

The git program is used instead of a library, since only git supports every transport, credential
and signature that administrators use (git(1), gitprotocol-common(5)).
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.source.git.answers import TooLongError, Watch, read_answers
from kvmreconcile.source.git.environment import make_environment, make_settings
from kvmreconcile.source.git.reasons import find_advice, find_reason
from kvmreconcile.source.git.remote import Remote
from kvmreconcile.system.bounded_read import read_bounded
from kvmreconcile.system.owner import acting_as_owner, owner_of

_LONGEST = 64 << 20
"""Maximum size of git's output in bytes; hundreds of thousands of file names fit."""
_NOTHING: Mapping[str, str] = MappingProxyType({})
_OWN_FILES = {
    # The content that `git init --bare` writes.
    "config": "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
    # Takes precedence over the repository's attributes (gitattributes(5)), so that files are
    # written as they were committed.
    "info/attributes": "* !text !crlf !eol !ident !filter !working-tree-encoding\n",
}
"""Content of the mirror's configuration files."""


class GitError(SourceError):
    """
    git or ssh-keygen failed.

    Attributes:
        printed: The program's standard error.
    """

    def __init__(self, problem: Problem, printed: str) -> None:
        super().__init__(problem)
        self.printed = printed


class Git:
    """
    Runs git on the mirror, a bare repository.

    Args:
        directory: The mirror.
        state: The state directory; git runs as the owner of this directory.
        remote: The remote repository.
    """

    def __init__(self, directory: Path, state: Path, remote: Remote) -> None:
        self._directory = directory
        self._state = state
        self._remote = remote.name
        self._timeout_s = remote.timeout_s
        self._environment = make_environment(remote.credentials)
        self._settings = make_settings(remote.credentials)
        self._inherited: tuple[int, ...] = ()

    @contextmanager
    def inheriting(self, descriptor: int) -> Iterator[None]:
        """
        Let each git process inherit the descriptor of a lock.

        git then holds the lock until it exits, even if it outlives this process.
        """
        self._inherited = (descriptor,)
        try:
            yield
        finally:
            self._inherited = ()

    def output(
        self,
        *words: str,
        settings: Mapping[str, str] = _NOTHING,
        environment: Mapping[str, str] = _NOTHING,
        watch: Watch | None = None,
    ) -> str:
        """
        Run a git command and return its standard output as text.

        Args:
            settings: Configuration for this command only.
            environment: Environment variables for this command only.
            watch: Called with the command's progress. The timeout then applies to the time without
                progress.

        Raises:
            SourceError: The command failed or timed out.
        """
        finished = self._run(words, settings, environment, watch)
        if finished.returncode:
            raise self._error(f"git {words[0]}", finished.stderr)
        return finished.stdout.decode(errors="replace").strip()

    def output_bytes(self, *words: str) -> bytes:
        """
        Run a git command and return its standard output as bytes.

        Raises:
            SourceError: The command failed or timed out.
        """
        finished = self._run(words, _NOTHING, _NOTHING, None)
        if finished.returncode:
            raise self._error(f"git {words[0]}", finished.stderr)
        return finished.stdout

    def filtered(self, text: bytes, *words: str, environment: Mapping[str, str] = _NOTHING) -> bytes:
        """Run a git command with a text as its standard input, and return its output; raises as `output` does."""
        # Not a temporary file, which the owner of the state may be unable to create.
        with os.fdopen(os.memfd_create("input"), "w+b") as file:
            file.write(text)
            file.seek(0)
            finished = self._run(words, _NOTHING, environment, None, file.fileno())
        if finished.returncode:
            raise self._error(f"git {words[0]}", finished.stderr)
        return finished.stdout

    def succeeds(self, *words: str) -> bool:
        """Run a git command that only checks something, and return whether its exit status is 0."""
        return self._run(words, _NOTHING, _NOTHING, None).returncode == 0

    def _reset_own_files(self) -> None:
        """
        Reset the files that configure git.

        Settings in these files could make git run programs or change files.
        """
        if not (self._directory / "HEAD").exists():
            return
        for name, content in _OWN_FILES.items():
            path = self._directory / name
            with suppress(OSError):
                if read_bounded(path, len(content)) == content.encode():
                    continue
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(content)

    def _run(
        self,
        words: Sequence[str],
        settings: Mapping[str, str],
        environment: Mapping[str, str],
        watch: Watch | None,
        stdin: int = subprocess.DEVNULL,
    ) -> "subprocess.CompletedProcess[bytes]":
        options = [word for pair in {**self._settings, **settings}.items() for word in ("-c", "=".join(pair))]
        with suppress(OSError), acting_as_owner(self._state):
            self._reset_own_files()
        command = ("git", "--git-dir", str(self._directory), *options, *words)
        return self.call(command, f"git {words[0]}", stdin=stdin, environment=environment, watch=watch)

    def call(
        self,
        command: Sequence[str],
        name: str,
        *,
        stdin: int = subprocess.DEVNULL,
        environment: Mapping[str, str] = _NOTHING,
        watch: Watch | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        """
        Run a program with git's environment and user, and return its exit status and output.

        Args:
            name: The program's name in messages.
            stdin: The file descriptor of the program's standard input.

        Raises:
            SourceError: The program cannot be run, timed out, or printed too much.
        """
        process = self._start(command, name, stdin, environment)
        progress = _Progress(watch)
        with process:
            try:
                out, err = read_answers(process, _LONGEST, self._timeout_s, watch and progress)
            except TooLongError as error:
                _end(process)
                raise self._error(name, f"it printed {error}".encode()) from None
            except TimeoutError:
                _end(process)
                slow = "progress" if progress.is_made else "answer"
                raise self._error(name, f"no {slow} within {self._timeout_s:g} s".encode()) from None
            except BaseException:
                _end(process)
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def _start(
        self, command: Sequence[str], name: str, stdin: int, environment: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        try:
            # With its own session, git and the programs that it runs (ssh, helpers) end together.
            return subprocess.Popen(
                command, env={**self._environment, **environment}, stdin=stdin, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True, pass_fds=self._inherited, **self._identity(),
            )  # fmt: skip
        except OSError as error:
            raise self._error(name, f"{command[0]} cannot be run: {error.strerror}".encode()) from None

    def _identity(self) -> dict[str, Any]:
        """
        Return the user and groups to run git as.

        These are the owner of the state directory, who controls the mirror's configuration, and the
        owner's groups.
        """
        owner = owner_of(self._state)
        return {"user": owner.uid, "group": owner.gid, "extra_groups": owner.groups} if owner else {}

    def _error(self, name: str, printed: bytes) -> GitError:
        text = printed.decode(errors="replace")
        what = f"{name} failed: {find_reason(text) or 'it printed no reason'}"
        return GitError(Problem(self._remote, what, find_advice(f"{name}: {text}")), text)


class _Progress:
    """
    A watch that records whether there was progress.

    Attributes:
        is_made: Whether the program has made progress.
    """

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self.is_made = False

    def __call__(self, printed: str) -> bool:
        made = bool(self._watch and self._watch(printed))
        self.is_made |= made
        return made


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
