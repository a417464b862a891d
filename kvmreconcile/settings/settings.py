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

    The environment variable of a setting is its name in upper case with the prefix KVMRECONCILE_, such as
    KVMRECONCILE_RESYNC. A mapping or list is written as YAML in one line. Environment variables take
    precedence over the file.
    """

    instance: Annotated[
        str,
        Field(
            min_length=1,
            description="Name of this instance, which is written into the metadata of the objects that it manages. "
            "Instances on one host do not change each other's objects. If the name is changed, objects with the "
            'old name are no longer managed. Defaults to "default".',
        ),
    ] = "default"
    host: Annotated[
        str,
        Field(
            min_length=1,
            description="Name of this host, which specs use to place objects on hosts. Defaults to the host name of the "
            "system.",
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
        Field(min_length=1, description='URI of the libvirt connection. Defaults to "qemu:///system".'),
    ] = "qemu:///system"
    state: Annotated[
        Path,
        Field(
            description="Directory of the state: a database of the specs that were last applied, and a second copy of "
            "the suspensions. If both are lost, no existing object is changed until a user accepts the loss. "
            "Defaults to /var/lib/kvmreconcile."
        ),
    ] = Path("/var/lib/kvmreconcile")
    specs: Annotated[
        Path,
        Field(
            description="File or directory of specs, used if no paths are given on the command line. Defaults to "
            "/etc/kvmreconcile/specs."
        ),
    ] = Path("/etc/kvmreconcile/specs")
    git: Annotated[
        GitSettings | None,
        Field(description="Git repository of specs, used instead of `specs`. Defaults to none."),
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
            description="What to do with managed objects after their spec was deleted, by kind: never (keep the "
            "object), confirm (delete it after approval) or auto (delete it). Kinds without an entry use never "
            '(Volume, StoragePool) or confirm (others). Defaults to "{}".'
        ),
    ] = Field(default_factory=dict)
    limits: Annotated[LimitSettings, Field(description="Limits on what one pass may do.")] = LimitSettings()
    settle: Annotated[
        SettleSettings,
        Field(description="How long specs must be unchanged before they take effect."),
    ] = SettleSettings()
    sources: Annotated[
        SourceSettings, Field(description="Files of this host that may be used as the content of volumes.")
    ] = SourceSettings()
    history: Annotated[HistorySettings, Field(description="How much history is kept.")] = HistorySettings()
    workers: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="Maximum number of actions that run in parallel, on different objects and pools. "
            "Defaults to 4.",
        ),
    ] = 4
    resync_s: Annotated[
        Seconds,
        Field(
            alias="resync",
            gt=0,
            description='A time such as "5min". How often the daemon runs a full pass, in addition to '
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
            description='A time such as "500ms". How long the daemon waits for further changes after a change. Defaults to '
            '"250ms".',
        ),
    ] = 0.25
    control: Annotated[ControlSettings, Field(description="The control socket and API.")] = ControlSettings()
    metrics: Annotated[
        MetricsSettings, Field(description="Metrics of domains, in addition to the metrics of the daemon.")
    ] = MetricsSettings()
    notify: Annotated[
        tuple[NotifySettings, ...],
        Field(
            description="List of notification receivers; requires the Python extra `notify`. Defaults to none."
        ),
    ] = ()
    _options: tuple[str, ...] = PrivateAttr(())

    @property
    def commands(self) -> Commands:
        """Renders commands in messages, with the options that select these settings."""
        return Commands(self._options, self.connect)

    def with_options(self, options: tuple[str, ...]) -> "Settings":
        """
        Return a copy of these settings for `commands`.

        Args:
            options: The command-line options that select these settings.
        """
        settings = self.model_copy()
        settings._options = options  # noqa: SLF001  its own
        return settings
