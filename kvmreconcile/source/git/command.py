"""
Call git, so that nothing of this host's or the repository's configuration changes what it does.

git itself and not a library, since only git supports every transport, credential and signature as administrators know
them (git(1), gitprotocol-common(5)).
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.source.git.answers import TooLongError, Watch, read_answers
from kvmreconcile.source.git.reasons import TRANSPORTS, advice, reason
from kvmreconcile.source.git.remote import Credentials, Remote
from kvmreconcile.system.bounded import read_bounded
from kvmreconcile.system.owner import acting_as_owner, owner_of

_OURS = "KVMRECONCILE_"
_LONGEST = 64 << 20
"""Maximum size of git's output in bytes; the names of hundreds of thousands of files are shorter."""
_NOTHING: Mapping[str, str] = MappingProxyType({})
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "transfer.fsckObjects": "true",
    # In the background it would outlive us, and in the middle of a pass it is in nobody's way.
    "gc.autoDetach": "false",
}

_OWN_FILES = {
    # As `git init --bare` writes it.
    "config": "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
    # Goes before the attributes of the repository (gitattributes(5)): files are written as they are committed.
    "info/attributes": "* !text !crlf !eol !ident !filter !working-tree-encoding\n",
}
"""Files of the mirror that decide what git does with it."""


class GitError(SourceError):
    """
    Git, or a program that is run beside it, failed.

    Attributes:
        printed: What it printed on standard error.
    """

    def __init__(self, problem: Problem, printed: str) -> None:
        super().__init__(problem)
        self.printed = printed


class Git:
    """
    Git on one bare repository of ours.

    Args:
        state: The directory whose owner git runs as.
    """

    def __init__(self, directory: Path, state: Path, remote: Remote) -> None:
        self._directory = directory
        self._state = state
        self._remote = remote.name
        self._timeout_s = remote.timeout_s
        # Without kvmreconcile's own settings, which may hold passwords of notification URLs.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self._environment: Mapping[str, str] = {**inherited, **_environment(remote.credentials)}
        self._settings = {**_SETTINGS, **_helper(remote.credentials)}
        self._held: tuple[int, ...] = ()

    @contextmanager
    def holding(self, handle: int) -> Iterator[None]:
        """Have each git that is called meanwhile hold a lock's file as well, so that it outlives us."""
        self._held = (handle,)
        try:
            yield
        finally:
            self._held = ()

    def ask(
        self,
        *words: str,
        settings: Mapping[str, str] = _NOTHING,
        environment: Mapping[str, str] = _NOTHING,
        watch: Watch | None = None,
    ) -> str:
        """
        Return what git prints, with settings and variables of this one call.

        Args:
            watch: Called with its progress; git may then take as long as it likes while it prints any.

        Raises:
            SourceError: It failed, or took too long.
        """
        said = self._run(words, settings, environment, watch)
        if said.returncode:
            raise self._error(f"git {words[0]}", said.stderr)
        return said.stdout.decode(errors="replace").strip()

    def content(self, *words: str) -> bytes:
        """
        Return what git prints, as it is.

        Raises:
            SourceError: It failed, or took too long.
        """
        said = self._run(words, _NOTHING, _NOTHING, None)
        if said.returncode:
            raise self._error(f"git {words[0]}", said.stderr)
        return said.stdout

    def holds(self, *words: str) -> bool:
        """Tell whether git says yes, which commands that only look do by their exit status."""
        return self._run(words, _NOTHING, _NOTHING, None).returncode == 0

    def _reset_own_files(self) -> None:
        """Reset the files that decide what git does: settings in them can make it run any program, or change files."""
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
    ) -> "subprocess.CompletedProcess[bytes]":
        options = [word for pair in {**self._settings, **settings}.items() for word in ("-c", "=".join(pair))]
        with suppress(OSError), acting_as_owner(self._state):
            self._reset_own_files()
        command = ("git", "--git-dir", str(self._directory), *options, *words)
        return self.call(command, f"git {words[0]}", environment=environment, watch=watch)

    def call(
        self,
        command: Sequence[str],
        called: str,
        *,
        stdin: int = subprocess.DEVNULL,
        environment: Mapping[str, str] = _NOTHING,
        watch: Watch | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        """
        Run a program as git is run, and return what came of it.

        Args:
            called: How messages call it.
            stdin: A file descriptor that it reads.

        Raises:
            SourceError: It cannot be run, took too long, or printed too much.
        """
        try:
            # A session of its own: what git calls (ssh, helpers) ends with it.
            process = subprocess.Popen(
                command, env={**self._environment, **environment}, stdin=stdin, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True, pass_fds=self._held, **self._identity(),
            )  # fmt: skip
        except OSError as error:
            raise self._error(called, f"{command[0]} cannot be run: {error.strerror}".encode()) from None
        progress = _Progress(watch)
        with process:
            try:
                out, err = read_answers(process, _LONGEST, self._timeout_s, watch and progress)
            except TooLongError as error:
                _end(process)
                raise self._error(called, f"it printed {error}".encode()) from None
            except TimeoutError:
                _end(process)
                slow = "progress" if progress.is_made else "answer"
                raise self._error(called, f"no {slow} within {self._timeout_s:g} s".encode()) from None
            except BaseException:
                _end(process)
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def _identity(self) -> dict[str, Any]:
        """Return as whom git is to run: what it obeys in its directory is the owner's word."""
        owner = owner_of(self._state)
        return {"user": owner.uid, "group": owner.gid, "extra_groups": owner.groups} if owner else {}

    def _error(self, called: str, printed: bytes) -> GitError:
        said = printed.decode(errors="replace")
        what = f"{called} failed: {reason(said) or 'it printed no reason'}"
        return GitError(Problem(self._remote, what, advice(f"{called}: {said}")), said)


class _Progress:
    """
    A watch that remembers what it saw.

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


def _environment(credentials: Credentials) -> dict[str, str]:
    ssh = ["ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes"]
    if credentials.ssh_key:
        ssh += ["-oIdentitiesOnly=yes", "-i", str(credentials.ssh_key)]
    if credentials.known_hosts:
        ssh.append(f"-oUserKnownHostsFile={credentials.known_hosts}")
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": TRANSPORTS,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_SSH_COMMAND": shlex.join(ssh),
        "LC_ALL": "C",
    }


def _helper(credentials: Credentials) -> dict[str, str]:
    passwords = credentials.passwords
    return {"credential.helper": f"store --file={shlex.quote(str(passwords))}"} if passwords else {}
