"""Find the specs to read: given paths, or the configured repository or directory."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.model import ALL_FILES, Root, SpecSource
from kvmreconcile.model.placement import LocalHost
from kvmreconcile.settings.credentials import find_credential
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.file_names import BY_PATH, Naming
from kvmreconcile.source.git import Remote, Repository
from kvmreconcile.source.git.remote import Credentials


@dataclass(frozen=True, slots=True)
class SpecOrigin:
    """
    The paths of specs to read, and where the files come from.

    Attributes:
        commit: The commit of the files, "" without a repository.
        author: The author of the commit, "" without a repository.
        naming: How messages name files. Files of a commit are named by their path in the
            repository.
        source: The source of specs, as recorded for objects.
    """

    paths: Sequence[Path]
    commit: str = ""
    author: str = ""
    naming: Naming = BY_PATH
    source: SpecSource = ALL_FILES


def local_host(settings: Settings) -> LocalHost:
    """Return the name and labels by which specs are placed on this host."""
    return LocalHost(settings.host, settings.host_labels)


def find_origin(named: Sequence[Path], settings: Settings) -> SpecOrigin:
    """
    Return the origin of specs: the given paths, else the configured repository or directory.

    Raises:
        SourceError: The repository has not been fetched yet, or its files are damaged.
    """
    repository = None if named else find_repository(settings)
    if repository is None:
        source = files_source(named, settings) if named else configured_source(settings)
        return SpecOrigin(named or [settings.specs], source=source)
    found = repository.in_force()
    if found is None:
        what = "no commit has been checked out yet, or the files of the current commit are damaged"
        todo = f"run: {settings.commands.kvmreconcile('fetch')}"
        raise SourceError(Problem(repository.name, what, todo))
    revision, directory = found
    naming = Naming(directory, revision.directory, revision.submodules or ())
    return SpecOrigin(
        [directory], revision.commit, revision.author, naming, source=configured_source(settings)
    )


def configured_source(settings: Settings) -> SpecSource:
    """
    Return the configured source of specs: the repository, or the directory.

    The ref of a repository and symbolic links to a directory do not matter.
    """
    if settings.git:
        return SpecSource((Root(settings.git.directory, Remote(settings.git.url).name),))
    return SpecSource(*_roots([settings.specs]))


def files_source(named: Sequence[Path], settings: Settings) -> SpecSource:
    """
    Return the source that consists of the given paths.

    If the paths include the configured directory, the result includes the configured source.
    """
    roots, resolved = _roots(named)
    configured = configured_source(settings)
    found = SpecSource(roots, resolved)
    is_whole = found.includes(SpecSource(configured.aliases))
    return SpecSource(roots, (*resolved, *configured.roots)) if is_whole else found


def _roots(paths: Sequence[Path]) -> tuple[tuple[Root, ...], tuple[Root, ...]]:
    """Return the absolute paths, first as written and then with symbolic links resolved."""
    # `abspath` keeps links: a link that is moved to a new release still names the same source.
    called = {Root(os.path.abspath(path)) for path in paths}  # noqa: PTH100
    resolved = {Root(os.path.realpath(path)) for path in paths}
    return tuple(sorted(called)), tuple(sorted(resolved))


def find_repository(settings: Settings) -> Repository | None:
    """Return the configured repository, or None if the settings have none."""
    git = settings.git
    if git is None:
        return None
    remote = Remote(
        url=git.url,
        ref=git.ref,
        directory=git.directory,
        allowed_signers=git.allowed_signers,
        trust_commit=git.trust_commit,
        allow_rewind=git.allow_rewind,
        timeout_s=git.timeout_s,
        max_download=git.max_download,
        accept=git.accept,
        credentials=Credentials(
            ssh_key=find_credential(git.ssh_key, "git-ssh-key"),
            known_hosts=find_credential(git.known_hosts, "git-known-hosts"),
            passwords=find_credential(git.passwords, "git-passwords"),
        ),
    )
    return Repository(remote, settings.state)
