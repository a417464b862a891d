"""
Where specs are read from: paths that were named, a directory of the settings, or a repository's revision in force.

Separate from reading them, and from the settings that say it: commands and the daemon ask here alike.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.sections import GitSettings
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
        raise SourceError(Problem(repository.name, what, "fetch it: kvmreconcile fetch"))
    revision, directory = found
    naming = Naming(directory, revision.directory)
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
        allow_rewind=git.allow_rewind,
        credentials=Credentials(
            ssh_key=_credential(git, "ssh_key"),
            known_hosts=_credential(git, "known_hosts"),
            passwords=_credential(git, "passwords"),
        ),
    )
    return Repository(remote, settings.state / "git")


def _credential(git: GitSettings, name: str) -> Path | None:
    """Return a file that the settings name, else the one that systemd hands over (systemd.exec(5), LoadCredential=)."""
    if (said := getattr(git, name)) is not None:
        return Path(said)
    handed_over = Path(os.environ.get("CREDENTIALS_DIRECTORY", os.devnull), f"git-{name.replace('_', '-')}")
    return handed_over if handed_over.is_file() else None
