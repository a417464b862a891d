"""Define the settings of a host, each with its description and default."""

from pathlib import Path
from socket import gethostname
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from kvmreconcile.model import Commands
from kvmreconcile.schema.section import Seconds, Spec
from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.settings.git import GitSettings
from kvmreconcile.settings.limits import LimitSettings
from kvmreconcile.settings.sections import (
    HistorySettings,
    MetricsSettings,
    NotifySettings,
    SourceSettings,
)
from kvmreconcile.settings.settle import SettleSettings


class Settings(Spec):
    """
    The content of kvmreconcile.yaml.

    The environment variable of a setting is KVMRECONCILE_ and its name in capitals (KVMRECONCILE_RESYNC); a mapping or
    list is written as YAML in one line. Environment variables take precedence over the file.
    """

    instance: Annotated[
        str,
        Field(
            min_length=1,
            description="Name of this installation, which is written into every object that it manages. Instances on "
            "one host do not change each other's objects. After a change of the name, objects of the old one are no "
            'longer managed. Defaults to "default".',
        ),
    ] = "default"
    host: Annotated[
        str,
        Field(
            min_length=1,
            description="Name of this host, which specs use to place objects on hosts. Defaults to the system's host name.",
        ),
    ] = Field(default_factory=gethostname)
    host_labels: Annotated[
        dict[str, str],
        Field(
            description="Mapping of texts. Labels of this host, which specs use to place objects on hosts "
            '(`metadata.hostSelector`). Defaults to "{}".'
        ),
    ] = Field(default_factory=dict)
    connect: Annotated[
        str,
        Field(min_length=1, description='A libvirt URI. Defaults to "qemu:///system".'),
    ] = "qemu:///system"
    state: Annotated[
        Path,
        Field(
            description="Directory of the state: a database of the specs that were last applied, and a second copy of "
            "the suspensions. If both are lost, no existing object is changed until the loss is accepted. Defaults to "
            "/var/lib/kvmreconcile."
        ),
    ] = Path("/var/lib/kvmreconcile")
    specs: Annotated[
        Path,
        Field(
            description="A file or directory of specs, used if a command is given no paths. Defaults to "
            "/etc/kvmreconcile/specs."
        ),
    ] = Path("/etc/kvmreconcile/specs")
    git: Annotated[
        GitSettings | None,
        Field(description="A git repository of specs, used instead of `specs`. Defaults to none."),
    ] = None
    planner: Annotated[
        str,
        Field(
            description="Name of an installed planner (entry-point group "
            'kvmreconcile.planners). Defaults to "default".'
        ),
    ] = "default"
    executor: Annotated[
        str,
        Field(
            description="Name of an installed executor (entry-point group "
            'kvmreconcile.executors); "libvirt", "dry-run" and "approve" are always installed. Defaults to '
            '"libvirt".'
        ),
    ] = "libvirt"
    reporter: Annotated[
        str,
        Field(
            description="Name of an installed reporter (entry-point group "
            'kvmreconcile.reporters). Defaults to "log".'
        ),
    ] = "log"
    prune: Annotated[
        dict[str, Literal["never", "confirm", "auto"]],
        Field(
            description="What to do with managed objects whose spec was deleted, by kind: never (keep), "
            "confirm (delete after approval) or auto. A kind that is not named keeps its default: "
            'never for Volume and StoragePool, else confirm. Defaults to "{}".'
        ),
    ] = Field(default_factory=dict)
    limits: Annotated[LimitSettings, Field(description="How much one pass may do.")] = LimitSettings()
    settle: Annotated[
        SettleSettings,
        Field(description="How long specs must be unchanged before they take effect."),
    ] = SettleSettings()
    sources: Annotated[
        SourceSettings, Field(description="Which files of this host may be used to fill volumes.")
    ] = SourceSettings()
    history: Annotated[HistorySettings, Field(description="How much history is kept.")] = HistorySettings()
    workers: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="Number of actions that run at the same time. Two actions on the same object or pool never do. "
            "Defaults to 4.",
        ),
    ] = 4
    resync_s: Annotated[
        Seconds,
        Field(
            alias="resync",
            gt=0,
            description='A time such as "5min". How often the daemon makes a full pass, in addition to '
            'triggered passes. Defaults to "5min".',
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
            description='A time such as "500ms". How long the daemon waits after a change for further changes. Defaults to '
            '"250ms".',
        ),
    ] = 0.25
    control: Annotated[ControlSettings, Field(description="The control socket and API.")] = ControlSettings()
    metrics: Annotated[
        MetricsSettings, Field(description="Metrics of domains, in addition to the daemon's own.")
    ] = MetricsSettings()
    notify: Annotated[
        tuple[NotifySettings, ...],
        Field(description="List of notification receivers; needs the extra `notify`. Defaults to none."),
    ] = ()
    _options: tuple[str, ...] = PrivateAttr(())

    @property
    def commands(self) -> Commands:
        """The options of the commands in messages, with which they read these settings."""
        return Commands(self._options, self.connect)

    def with_options(self, options: tuple[str, ...]) -> "Settings":
        """Return these settings with the command-line options from which they were read."""
        settings = self.model_copy()
        settings._options = options  # noqa: SLF001  its own
        return settings
