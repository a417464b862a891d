"""
Where specs are read from: paths that were named, a directory of the settings, or a repository's revision in force.

Separate from reading them, and from the settings that say it: commands and the daemon ask here alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.credentials import credential
from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.settings import Settings
from kvmreconcile.source.files import BY_PATH, Naming
from kvmreconcile.source.git import Remote, Repository
from kvmreconcile.source.git.remote import Credentials


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Paths to read, and the commit they are of with who wrote it; "" where they are just files.

    Attributes:
        naming: How messages call the files: those of a commit as they are called in their repository.
    """

    paths: Sequence[Path]
    commit: str = ""
    author: str = ""
    naming: Naming = BY_PATH


def find_origin(named: Sequence[Path], settings: Settings) -> Origin:
    """
    Return where specs are now: what was named goes first, then a repository, then the settings' directory.

    Raises:
        SourceError: They are in a repository, of which no revision is here.
    """
    repository = None if named else find_repository(settings)
    if repository is None:
        return Origin(named or [settings.specs])
    found = repository.in_force()
    if found is None:
        what = "no revision of it is in force here"
        raise SourceError(
            Problem(repository.name, what, f"fetch it: {settings.commands.kvmreconcile('fetch')}")
        )
    revision, directory = found
    naming = Naming(directory, revision.directory, revision.submodules or ())
    return Origin([directory], revision.commit, revision.author, naming)


def find_repository(settings: Settings) -> Repository | None:
    """Return the repository that the settings name, None if they name none."""
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
            ssh_key=credential(git.ssh_key, "git-ssh-key"),
            known_hosts=credential(git.known_hosts, "git-known-hosts"),
            passwords=credential(git.passwords, "git-passwords"),
        ),
    )
    return Repository(remote, settings.state)
