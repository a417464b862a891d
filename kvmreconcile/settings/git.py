"""Define the settings of a git repository of specs."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from kvmreconcile.schema.section import Seconds, Spec
from kvmreconcile.schema.values import Size
from kvmreconcile.source.git.defects import find_defect_id

_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|^@$|^-|^/|//|/$|\.$|\.lock(/|$)|(^|/)\.")
"""Text that is not allowed in the name of a branch or tag (git-check-ref-format(1))."""


def _refuse_command(url: str) -> str:
    """Refuse a URL that git would read as an option or as a remote helper to run ("ext::…")."""
    if url.startswith("-") or re.match("[A-Za-z0-9+.-]+::", url):
        raise ValueError(
            'it must be a URL or a path, and must not start with "-" or with a remote helper such as "ext::"'
        )
    return url


def _refuse_revision(ref: str) -> str:
    """Refuse revisions such as "main~1", and full ref names such as "refs/heads/main"."""
    if ref.startswith("refs/"):
        raise ValueError(
            'use the short name of a branch or tag, such as "main" for "refs/heads/main", '
            "or the full hash of a commit"
        )
    if _NO_REF.search(ref):
        raise ValueError(f'"{ref}" is not the name of a branch or tag, or the full hash of a commit')
    return ref


def _normalize_directory(text: str) -> str:
    """Return a directory in a repository in the form of git, such as "a/b"; "" is the top directory."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError('it must not contain ".."')
    return "/".join(parts)


class GitSettings(Spec):
    """A git repository of specs."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            description="Repository of specs: an ssh or https URL, or a path. Required.",
        ),
        AfterValidator(_refuse_command),
    ]
    ref: Annotated[
        str,
        Field(
            min_length=1,
            description='Branch, tag, or full hash of a commit. Other revisions such as "main~1" are refused. '
            'Defaults to "main".',
        ),
        AfterValidator(_refuse_revision),
    ] = "main"
    directory: Annotated[
        Annotated[str, BeforeValidator(str), AfterValidator(_normalize_directory)],
        Field(
            description="Directory in the repository with the specs of this host. Defaults to the whole repository."
        ),
    ] = ""
    poll_s: Annotated[
        Seconds,
        Field(
            alias="poll",
            ge=1,
            description='A time such as "5min". How often the daemon fetches the repository. Defaults to "1min".',
        ),
    ] = 60.0
    allowed_signers: Annotated[
        Path | None,
        Field(
            description="File of allowed signers (ssh-keygen(1), ALLOWED SIGNERS). A commit is refused unless it has a "
            "valid SSH signature by a key in this file. The validity period of a key must include the time when "
            "this host first verified the commit; the date of the commit is ignored. Defaults to none: "
            "signatures are not verified."
        ),
    ] = None
    trust_commit: Annotated[
        str,
        Field(
            pattern="^([0-9a-f]{40}|[0-9a-f]{64})?$",
            description="Full hash of one commit that is accepted without verification of its signature, for example "
            "because the key of the signer has expired. Defaults to none.",
        ),
    ] = ""
    allow_rewind: Annotated[
        bool,
        Field(
            description="Whether to use a commit that does not descend from the current commit, as after a forced push. "
            "Defaults to false."
        ),
    ] = False
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            ge=1,
            description='A time such as "5min". A download without progress for this long is aborted, as is any other git '
            "command that runs for this long. The daemon tries again at the next poll. Defaults to "
            '"2min".',
        ),
    ] = 120.0
    max_download: Annotated[
        Size,
        Field(
            gt=0,
            description='A size such as "4GiB". Maximum size of one download; a larger download is aborted. Defaults to '
            '"1GiB".',
        ),
    ] = 1 << 30
    accept: Annotated[
        tuple[Annotated[str, AfterValidator(find_defect_id)], ...],
        Field(
            description="List of git-fsck(1) message IDs to ignore in downloaded objects, such as "
            '["zeroPaddedFilemode"]. IDs that git cannot ignore are refused. Defaults to none.'
        ),
    ] = ()
    ssh_key: Annotated[
        Path | None,
        Field(
            description='File with a private key for ssh. Defaults to the systemd credential "git-ssh-key" if it '
            "exists, otherwise to the keys that ssh uses by default."
        ),
    ] = None
    known_hosts: Annotated[
        Path | None,
        Field(
            description='File with host keys of ssh servers. Defaults to the systemd credential "git-known-hosts" if it '
            "exists, otherwise to the files that ssh uses by default."
        ),
    ] = None
    passwords: Annotated[
        Path | None,
        Field(
            description='File with one "https://user:password@host" per line, for https. Defaults to the systemd '
            'credential "git-passwords".'
        ),
    ] = None
