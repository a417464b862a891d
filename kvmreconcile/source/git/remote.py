"""Describe a remote repository: where it is, what of it is used, and whose signatures count."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    Files by which this host proves who it is, and knows the server; None leaves it to the user's own set-up.

    Attributes:
        ssh_key: A private key.
        known_hosts: The servers' public keys, as ssh keeps them.
        passwords: User names and passwords, one URL a line, as git's "store" helper keeps them.
    """

    ssh_key: Path | None = None
    known_hosts: Path | None = None
    passwords: Path | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """
    A place in a repository.

    Attributes:
        url: What git clones from.
        ref: A branch, a tag, or the full name of a commit.
        directory: Where in it the specs are; "" is all of it.
        allowed_signers: Keys of which one must have signed the commit (ssh-keygen(1), ALLOWED SIGNERS); None
            believes whatever the server says.
        trust_commit: A commit that is believed whatever its signature is worth, "" for none.
        allow_rewind: Whether a commit may come into force that does not descend from the one before it.
        timeout_s: After how many seconds without progress git is ended.
        max_download: How many bytes may be downloaded at once.
        accept: Defects of objects that are accepted, as git calls them (git-fsck(1), FSCK MESSAGES).
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
        """The URL as it may be shown: without a password, and by https without a user, as that may be a token."""
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        shown = "" if parts.scheme == "https" else user.partition(":")[0] + at
        return urlunsplit(parts._replace(netloc=shown + host)) if at else self.url
