"""
Settings that belong together, each such group a mapping in the file.

Separate from the settings as a whole, which would be too long to be read.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from kvmreconcile.schema.section import Seconds, Spec
from kvmreconcile.schema.values import Size
from kvmreconcile.source.git.defects import defect

_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|^@$|^-|^/|//|/$|\.$|\.lock(/|$)|(^|/)\.")
"""What no name of a branch or tag has (git-check-ref-format(1)); a revision such as "main~1" has some of it."""


class LimitSettings(Spec):
    """How much one pass may do; a plan that would do more is held."""

    max_delete_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction of the managed objects of a kind that one pass may delete (0 to 1). A pass that "
            "would exceed it deletes none of that kind, and nothing that these refer to. One object is always "
            "allowed, unless `maxDelete` is 0; of several kinds with one object each beyond this fraction, none is. "
            "Defaults to 0.3.",
        ),
    ] = 0.3
    max_delete: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may delete, whatever their fraction. A pass "
            "that would exceed it deletes none of that kind, and nothing that these refer to. Defaults to 10.",
        ),
    ] = 10
    max_restart_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction of the running objects of a kind that one pass may restart, stop or "
            "pause (0 to 1). A pass that would exceed it does so to none. One object is always allowed, unless "
            "`maxRestart` is 0. Defaults to 0.5.",
        ),
    ] = 0.5
    max_restart: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may restart, stop or pause, whatever "
            "their fraction. A pass that would exceed it does so to none. Defaults to 10.",
        ),
    ] = 10
    max_replace_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction of the existing objects of a kind that one pass may replace (0 to 1). "
            "A pass that would exceed it replaces none. One object is always allowed, unless `maxReplace` is 0. "
            "Defaults to 0.3.",
        ),
    ] = 0.3
    max_replace: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may replace, whatever their fraction. "
            "A pass that would exceed it replaces none. Defaults to 5.",
        ),
    ] = 5
    max_remake_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction of the volumes whose creation had completed that one pass may recreate "
            "because they are missing, where their specs allow it without approval (0 to 1). A pass that would exceed "
            "it recreates none. One volume is always allowed, unless `maxRemake` is 0. A volume whose data would be "
            "lost is held whatever this is, unless its spec allows data-loss. Defaults to 0.3.",
        ),
    ] = 0.3
    max_remake: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of such volumes that one pass may recreate, whatever their fraction. "
            "A pass that would exceed it recreates none. Defaults to 5.",
        ),
    ] = 5


class HistorySettings(Spec):
    """How much of what happened is kept in the state database; the oldest gives way."""

    entries: Annotated[
        int,
        Field(
            ge=100,
            le=1_000_000,
            description="Number of entries to keep; a pass that does something has one, and one for each action. "
            "Defaults to 20000.",
        ),
    ] = 20_000
    age_s: Annotated[
        Seconds,
        Field(
            alias="age",
            gt=0,
            description='A time such as "90d". What is older goes, a few dozen entries at a time. Defaults to '
            '"90d".',
        ),
    ] = 90 * 86400.0


def _is_no_command(url: str) -> str:
    """Refuse what git takes for an option, or for the name of a program that it is to call ("ext::…")."""
    if url.startswith("-") or re.match("[A-Za-z0-9+.-]+::", url):
        raise ValueError(
            'it must be a URL or a path, and must not start with "-" or with a remote helper such as "ext::"'
        )
    return url


def _is_name(ref: str) -> str:
    """Refuse what names no branch, tag or commit by itself: a revision ("main~1"), and the full name of a ref."""
    if ref.startswith("refs/"):
        raise ValueError(
            'give a branch or a tag by its short name, such as "main" for "refs/heads/main", '
            "or the full hash of a commit"
        )
    if _NO_REF.search(ref):
        raise ValueError(f'"{ref}" is not the name of a branch or tag, nor the full hash of a commit')
    return ref


def _directory(text: str) -> str:
    """Return a directory in a repository as git writes it: "a/b"; "" is all of it."""
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
            description="What git clones from, by ssh or https or as a path. Required.",
        ),
        AfterValidator(_is_no_command),
    ]
    ref: Annotated[
        str,
        Field(
            min_length=1,
            description='A branch, a tag, or the full hash of a commit; a revision such as "main~1" is refused. '
            'Defaults to "main".',
        ),
        AfterValidator(_is_name),
    ] = "main"
    directory: Annotated[
        Annotated[str, BeforeValidator(str), AfterValidator(_directory)],
        Field(description="The directory in it that holds this host's specs. Defaults to all of it."),
    ] = ""
    poll_s: Annotated[
        Seconds,
        Field(
            alias="poll",
            ge=1,
            description='A time such as "5min". How often the daemon fetches. Defaults to "1min".',
        ),
    ] = 60.0
    allowed_signers: Annotated[
        Path | None,
        Field(
            description="A file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS). A commit without a valid SSH "
            "signature by one of its keys is refused. A key's validity period is checked at the time when this host "
            "first checked the commit, not at the commit's own date. Defaults to none: signatures are not checked."
        ),
    ] = None
    trust_commit: Annotated[
        str,
        Field(
            pattern="^([0-9a-f]{40}|[0-9a-f]{64})?$",
            description="The full hash of one commit whose signature is not checked, such as one whose signer's key "
            "has since expired. Defaults to none.",
        ),
    ] = ""
    allow_rewind: Annotated[
        bool,
        Field(
            description="Use a commit that does not descend from the one in force, as after a forced push. "
            "Defaults to false."
        ),
    ] = False
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            ge=1,
            description='A time such as "5min". A download that makes no progress for this long is aborted, and so is any '
            'other git command that takes this long; the daemon tries again at its next poll. Defaults to "2min".',
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
        tuple[Annotated[str, AfterValidator(defect)], ...],
        Field(
            description="A list of git-fsck(1) message IDs to ignore in downloaded objects, such as "
            '["zeroPaddedFilemode"]. An ID that git cannot ignore is refused. Defaults to none.'
        ),
    ] = ()
    ssh_key: Annotated[
        Path | None,
        Field(
            description='A private key for ssh. Defaults to systemd\'s credential "git-ssh-key", else to what '
            "ssh finds by itself."
        ),
    ] = None
    known_hosts: Annotated[
        Path | None,
        Field(
            description='Keys of ssh servers. Defaults to the credential "git-known-hosts", else to what ssh '
            "finds by itself."
        ),
    ] = None
    passwords: Annotated[
        Path | None,
        Field(
            description='Users and passwords for https, one "https://user:password@host" a line. Defaults to '
            'the credential "git-passwords".'
        ),
    ] = None


class SourceSettings(Spec):
    """Files of this host that volumes are filled from."""

    directories: Annotated[
        tuple[Path, ...],
        Field(
            description="Directories below which such a file must lie once links are followed, beside that of its "
            'spec and those of the pools that specs name. Defaults to ["/var/lib/libvirt/images"].'
        ),
    ] = (Path("/var/lib/libvirt/images"),)


class MetricsSettings(Spec):
    """What Prometheus is told beside the daemon's own metrics."""

    domains: Annotated[
        bool,
        Field(
            description="Tell what each domain uses (libvirt_domain_…), under the names of the exporters for libvirt. "
            "Leave it off where one of them runs, as all would be there twice. Defaults to false."
        ),
    ] = False
    interval_s: Annotated[
        Seconds,
        Field(
            alias="interval",
            ge=1,
            description='A time such as "15s". How often libvirt is asked for that, however often Prometheus asks. '
            'Defaults to "15s".',
        ),
    ] = 15.0


class NotifySettings(Spec):
    """A notification receiver."""

    name: Annotated[
        str,
        Field(
            description="What log and metrics call this receiver. Defaults to its place in the list, such as "
            '"notify[0]".'
        ),
    ] = ""
    url: Annotated[
        SecretStr | None,
        Field(
            description="Where to, as apprise writes it: mailto://…, slack://…, json://…. It holds passwords, so "
            "one of the next two is better. Defaults to what they say; just one of the three is needed."
        ),
    ] = None
    url_file: Annotated[
        Path | None, Field(description="A file whose one line is that URL. Defaults to none.")
    ] = None
    credential: Annotated[
        str,
        Field(
            pattern="^[^/]*$",
            description="The name of a credential that systemd hands over (LoadCredential=) and whose one line is "
            "that URL. Defaults to none.",
        ),
    ] = ""
    on: Annotated[
        tuple[Literal["failed", "held", "recovered", "healed", "approved"], ...],
        Field(
            min_length=1,
            description="Events to notify about, see docs/notifications.md. Defaults to [failed, held, recovered].",
        ),
    ] = ("failed", "held", "recovered")
    interval_s: Annotated[
        Seconds,
        Field(
            alias="interval",
            ge=0,
            description='A time such as "5min". How much time there is between two notifications at least; what '
            'happens meanwhile is told in one. Defaults to "1min".',
        ),
    ] = 60.0

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if sum((self.url is not None, self.url_file is not None, self.credential != "")) != 1:
            raise ValueError("set exactly one of url, urlFile and credential")
        return self
