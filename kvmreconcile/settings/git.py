"""Define the settings of a repository of specs."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from kvmreconcile.schema.section import Seconds, Spec
from kvmreconcile.schema.values import Size
from kvmreconcile.source.git.defects import find_defect_id

_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|^@$|^-|^/|//|/$|\.$|\.lock(/|$)|(^|/)\.")
"""Parts of a revision such as "main~1" that are not allowed in the name of a branch or tag (git-check-ref-format(1))."""


def _refuse_command(url: str) -> str:
    """Refuse a URL that git reads as an option, or as the name of a program to run ("ext::…")."""
    if url.startswith("-") or re.match("[A-Za-z0-9+.-]+::", url):
        raise ValueError(
            'it must be a URL or a path, and must not start with "-" or with a remote helper such as "ext::"'
        )
    return url


def _refuse_revision(ref: str) -> str:
    """Refuse a revision such as "main~1", and the full name of a ref."""
    if ref.startswith("refs/"):
        raise ValueError(
            'give a branch or a tag by its short name, such as "main" for "refs/heads/main", '
            "or the full hash of a commit"
        )
    if _NO_REF.search(ref):
        raise ValueError(f'"{ref}" is not the name of a branch or tag, nor the full hash of a commit')
    return ref


def _normalize_directory(text: str) -> str:
    """Return a directory of a repository in git's form, such as "a/b"; "" is the whole repository."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError('it must not contain ".."')
    return "/".join(parts)


class GitSettings(Spec):
    """A repository of specs."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            description="The repository: a URL with ssh or https, or a path. Required.",
        ),
        AfterValidator(_refuse_command),
    ]
    ref: Annotated[
        str,
        Field(
            min_length=1,
            description='A branch, a tag, or the full hash of a commit; a revision such as "main~1" is refused. '
            'Defaults to "main".',
        ),
        AfterValidator(_refuse_revision),
    ] = "main"
    directory: Annotated[
        Annotated[str, BeforeValidator(str), AfterValidator(_normalize_directory)],
        Field(
            description="Directory of this host's specs in the repository. Defaults to the whole repository."
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
            description="A file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS). A commit without a valid SSH signature "
            "by one of its keys is refused. A key's validity period is checked at the time when this host first "
            "checked the commit, not at the commit's own date. Defaults to none, which means that signatures "
            "are not checked."
        ),
    ] = None
    trust_commit: Annotated[
        str,
        Field(
            pattern="^([0-9a-f]{40}|[0-9a-f]{64})?$",
            description="The full hash of one commit whose signature is not checked, such as one whose signer's key "
            "has expired. Defaults to none.",
        ),
    ] = ""
    allow_rewind: Annotated[
        bool,
        Field(
            description="Whether to use a commit that does not descend from the current one, as after a forced push. "
            "Defaults to false."
        ),
    ] = False
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            ge=1,
            description='A time such as "5min". A download that makes no progress for this long is aborted, and so is any '
            "other git command that takes this long. The daemon tries again at its next poll. Defaults to "
            '"2min".',
        ),
    ] = 120.0
    max_download: Annotated[
        Size,
        Field(
            gt=0,
            description='A size such as "4GiB". Largest size of one download; a larger one is aborted. Defaults to '
            '"1GiB".',
        ),
    ] = 1 << 30
    accept: Annotated[
        tuple[Annotated[str, AfterValidator(find_defect_id)], ...],
        Field(
            description="A list of git-fsck(1) message IDs to ignore in downloaded objects, such as "
            '["zeroPaddedFilemode"]. An ID that git cannot ignore is refused. Defaults to none.'
        ),
    ] = ()
    ssh_key: Annotated[
        Path | None,
        Field(
            description='File with a private key for ssh. Defaults to systemd\'s credential "git-ssh-key", else to the '
            "key that ssh finds."
        ),
    ] = None
    known_hosts: Annotated[
        Path | None,
        Field(
            description='File with host keys of ssh servers. Defaults to the credential "git-known-hosts", else to the '
            "files that ssh finds."
        ),
    ] = None
    passwords: Annotated[
        Path | None,
        Field(
            description='File with users and passwords for https, one "https://user:password@host" a line. Defaults to '
            'the credential "git-passwords".'
        ),
    ] = None
