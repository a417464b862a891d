"""
What can be set on a host: each setting with its meaning and default.

Separate from reading them, because the reference and the daemon need only this.
"""

from pathlib import Path
from socket import gethostname
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from kvmreconcile.model import Commands
from kvmreconcile.schema.section import Seconds, Spec
from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.settings.sections import (
    GitSettings,
    HistorySettings,
    LimitSettings,
    MetricsSettings,
    NotifySettings,
    SourceSettings,
)
from kvmreconcile.settings.settle import SettleSettings


class Settings(Spec):
    """
    What the file kvmreconcile.yaml says.

    In the environment a setting is KVMRECONCILE_ and its name in capitals (KVMRECONCILE_RESYNC); a
    mapping or list is written as YAML in one line. The environment wins over the file.
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
            description="The directory of the state: a database of what was last asked for, and a second copy of "
            "what is suspended. If both are lost, nothing that exists is changed until that is accepted. Defaults "
            "to /var/lib/kvmreconcile."
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
            description="Name of the planner, one of the installed ones (entry-point group "
            'kvmreconcile.planners). Defaults to "default".'
        ),
    ] = "default"
    executor: Annotated[
        str,
        Field(
            description="Name of the executor, one of the installed ones (entry-point group "
            'kvmreconcile.executors); "libvirt", "dry-run" and "approve" are always there. Defaults to '
            '"libvirt".'
        ),
    ] = "libvirt"
    reporter: Annotated[
        str,
        Field(
            description="Name of the reporter, one of the installed ones (entry-point group "
            'kvmreconcile.reporters). Defaults to "log".'
        ),
    ] = "log"
    prune: Annotated[
        dict[str, Literal["never", "confirm", "auto"]],
        Field(
            description="What to do with managed objects whose spec was deleted, by kind: never (keep), "
            "confirm (delete after approval) or auto. A kind that is not named keeps its own: "
            'never for Volume and StoragePool, else confirm. Defaults to "{}".'
        ),
    ] = Field(default_factory=dict)
    limits: Annotated[LimitSettings, Field(description="How much one pass may do.")] = LimitSettings()
    settle: Annotated[
        SettleSettings,
        Field(description="How long the specs must have been as they are before they count in full."),
    ] = SettleSettings()
    sources: Annotated[
        SourceSettings, Field(description="Which files of this host volumes may be filled from.")
    ] = SourceSettings()
    history: Annotated[HistorySettings, Field(description="How much of what happened is kept.")] = (
        HistorySettings()
    )
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
    watch: Annotated[
        Literal["auto", "events", "poll"],
        Field(
            description='How changes of spec files are detected: "events" (inotify), "poll" (every 5 s), "auto" '
            "(poll only on network file systems and FUSE, for which inotify reports no changes by other hosts). "
            'Defaults to "auto".',
        ),
    ] = "auto"
    debounce_s: Annotated[
        Seconds,
        Field(
            alias="debounce",
            ge=0,
            description='A time such as "500ms". How long the daemon waits after a change for others that '
            'come with it. Defaults to "250ms".',
        ),
    ] = 0.25
    control: Annotated[ControlSettings, Field(description="The control socket and API.")] = ControlSettings()
    metrics: Annotated[
        MetricsSettings, Field(description="What Prometheus is told beside the daemon's own.")
    ] = MetricsSettings()
    notify: Annotated[
        tuple[NotifySettings, ...],
        Field(description="List of notification receivers; needs the extra `notify`. Defaults to none."),
    ] = ()
    _options: tuple[str, ...] = PrivateAttr(())

    @property
    def commands(self) -> Commands:
        """How the commands in messages are called, so that they read these settings again."""
        return Commands(self._options, self.connect)

    def named_by(self, options: tuple[str, ...]) -> "Settings":
        """Return these settings with the options of the command line that lead to them."""
        named = self.model_copy()
        named._options = options  # noqa: SLF001  its own
        return named
