"""Describe a remote repository: its URL, the ref and directory to use, and the allowed signers."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    Files with credentials of this host and host keys of servers.

    None means that the user's own configuration applies.

    Attributes:
        ssh_key: A private key.
        known_hosts: Host keys of servers, in the format of ssh's known_hosts.
        passwords: URLs with user names and passwords, one per line, in the format of
            git-credential-store(1).
    """

    ssh_key: Path | None = None
    known_hosts: Path | None = None
    passwords: Path | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """
    A remote repository, with the commit and the directory to use.

    Attributes:
        url: The URL to clone from.
        ref: A branch, a tag, or the full hash of a commit.
        directory: The directory of the specs in the repository; "" means the whole repository.
        allowed_signers: File with the keys that may sign commits (ssh-keygen(1), ALLOWED SIGNERS).
            None means that signatures are not checked.
        trust_commit: Hash of a commit that is accepted regardless of its signature, "" for none.
        allow_rewind: Whether to accept a commit that does not descend from the commit used before.
        timeout_s: Seconds without progress after which git is ended.
        max_download: Maximum size of one download in bytes.
        accept: Message IDs of defects to ignore (git-fsck(1), FSCK MESSAGES).
        credentials: Files with credentials.
    """

    url: str
    ref: str = "main"
    directory: str = ""
    allowed_signers: Path | None = None
    trust_commit: str = ""
    allow_rewind: bool = False
    timeout_s: float = 120.0
    max_download: int = 1 << 30
    accept: tuple[str, ...] = ()
    credentials: Credentials = field(default_factory=Credentials)

    @property
    def name(self) -> str:
        """
        The URL for messages, without a password.

        An https URL is also shown without the user, which may be a token.
        """
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        shown = "" if parts.scheme == "https" else user.partition(":")[0] + at
        return urlunsplit(parts._replace(netloc=shown + host)) if at else self.url
