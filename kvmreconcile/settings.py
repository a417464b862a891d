"""
What can be set on a host: each setting with its meaning and default.

Separate from reading them, because the reference and the daemon need only this.
"""

from pathlib import Path
from socket import gethostname
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from kvmreconcile.kinds.part import Seconds, Spec


class LimitSettings(Spec):
    """How much one pass may do; a plan that would do more is held."""

    max_delete_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="A share of the objects that are ours. If a pass would remove more than this, it "
            "removes nothing; one object may always go. Defaults to 0.3.",
        ),
    ] = 0.3
    max_delete: Annotated[
        int,
        Field(
            ge=0,
            description="A number of objects. If a pass would remove more than this, it removes nothing, "
            "whatever their share. Defaults to 10.",
        ),
    ] = 10
    max_restart_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="A share of the objects of a kind that run. If a pass would restart, stop or pause more "
            "than this, none of them is; one may always be. Defaults to 0.5.",
        ),
    ] = 0.5
    max_restart: Annotated[
        int,
        Field(
            ge=0,
            description="A number of objects of a kind. If a pass would restart, stop or pause more than this, "
            "none of them is, whatever their share. Defaults to 10.",
        ),
    ] = 10
    max_replace_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="A share of the objects of a kind that exist. If a pass would make more than this anew, "
            "none of them is; one may always be. Defaults to 0.3.",
        ),
    ] = 0.3
    max_replace: Annotated[
        int,
        Field(
            ge=0,
            description="A number of objects of a kind. If a pass would make more than this anew, none of them "
            "is, whatever their share. Defaults to 5.",
        ),
    ] = 5


class GitSettings(Spec):
    """A repository of specs."""

    url: Annotated[
        str,
        Field(min_length=1, description="What git clones from, by ssh or https or as a path. Required."),
    ]
    ref: Annotated[
        str,
        Field(
            min_length=1,
            description='A branch, a tag, or the full name of a commit on one. Defaults to "main".',
        ),
    ] = "main"
    directory: Annotated[
        Annotated[str, BeforeValidator(lambda text: str(text).strip("/"))],
        Field(description="The directory in it that holds this host's specs. Defaults to all of it."),
    ] = ""
    poll_s: Annotated[
        Seconds,
        Field(
            alias="poll",
            ge=1,
            description='A time such as "5min". How often the daemon asks for news. Defaults to "1min".',
        ),
    ] = 60.0
    allowed_signers: Annotated[
        Path | None,
        Field(
            description="A file of keys (ssh-keygen(1), ALLOWED SIGNERS). A commit that none of them signed is "
            "never used. Defaults to believing whatever the server says."
        ),
    ] = None
    allow_rewind: Annotated[
        bool,
        Field(
            description="Use a commit that does not descend from the one in force, as after a forced push. "
            "Defaults to false."
        ),
    ] = False
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


class Settings(Spec):
    """
    What the file kvmreconcile.yaml says.

    In the environment a setting is KVMRECONCILE_ and its name in capitals (KVMRECONCILE_RESYNC); a
    mapping is written as YAML in one line. The environment wins over the file.
    """

    instance: Annotated[
        str,
        Field(
            min_length=1,
            description="A name for this installation. It is written into every object that it owns; two "
            "instances on one host leave each other's objects alone. Changing it gives up all that the old "
            'name owned. Defaults to "default".',
        ),
    ] = "default"
    host: Annotated[
        str,
        Field(
            min_length=1,
            description="This host's name, by which specs say where an object is placed. Defaults to the "
            "system's host name.",
        ),
    ] = Field(default_factory=gethostname)
    connect: Annotated[
        str,
        Field(min_length=1, description='A libvirt URI. Defaults to "qemu:///system".'),
    ] = "qemu:///system"
    state: Annotated[
        Path,
        Field(
            description="The directory of the state database, which remembers what was last asked for. If "
            "it is lost, nothing is removed that only it knew as ours. Defaults to /var/lib/kvmreconcile."
        ),
    ] = Path("/var/lib/kvmreconcile")
    specs: Annotated[
        Path,
        Field(
            description="A file or directory of specs, used where a command names none. Defaults to "
            "/etc/kvmreconcile/specs."
        ),
    ] = Path("/etc/kvmreconcile/specs")
    git: Annotated[
        GitSettings | None,
        Field(description="A repository of specs, used in place of `specs`. Defaults to none."),
    ] = None
    planner: Annotated[
        str,
        Field(
            description="The name of the planner among the installed ones (entry-point group "
            'kvmreconcile.planners). Defaults to "default".'
        ),
    ] = "default"
    executor: Annotated[
        str,
        Field(
            description="The name of what carries plans out among the installed ones (entry-point group "
            'kvmreconcile.executors); "libvirt", "dry-run" and "approve" are always there. Defaults to '
            '"libvirt".'
        ),
    ] = "libvirt"
    reporter: Annotated[
        str,
        Field(
            description="The name of what tells of progress among the installed ones (entry-point group "
            'kvmreconcile.reporters). Defaults to "log".'
        ),
    ] = "log"
    prune: Annotated[
        dict[str, Literal["never", "confirm", "auto"]],
        Field(
            description="What becomes of an object of ours whose spec is gone, by kind: never (it stays), "
            "confirm (it goes once a plan is approved) or auto. A kind that is not named keeps its own: "
            'never for Volume and StoragePool, else confirm. Defaults to "{}".'
        ),
    ] = Field(default_factory=dict)
    limits: Annotated[LimitSettings, Field(description="How much one pass may do.")] = LimitSettings()
    workers: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="How many actions run at once; never two on one object or one pool. Defaults to 4.",
        ),
    ] = 4
    resync_s: Annotated[
        Seconds,
        Field(
            alias="resync",
            gt=0,
            description='A time such as "5min". The daemon makes a full pass this often, whatever else wakes '
            'it. Defaults to "5min".',
        ),
    ] = 300.0
    debounce_s: Annotated[
        Seconds,
        Field(
            alias="debounce",
            ge=0,
            description='A time such as "500ms". How long the daemon waits after a change for others that '
            'come with it. Defaults to "250ms".',
        ),
    ] = 0.25
