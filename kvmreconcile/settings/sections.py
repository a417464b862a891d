"""Define smaller groups of settings: history, sources, metrics and notifications."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from kvmreconcile.schema.section import Seconds, Spec


class HistorySettings(Spec):
    """How much history is kept in the state database."""

    entries: Annotated[
        int,
        Field(
            ge=100,
            le=1_000_000,
            description="Number of history entries to keep; the oldest are deleted. A pass with actions has one entry, plus "
            "one for each action. Defaults to 20000.",
        ),
    ] = 20_000
    age_s: Annotated[
        Seconds,
        Field(
            alias="age",
            gt=0,
            description='A time such as "90d". Older history entries are deleted, a few dozen at a time. Defaults to '
            '"90d".',
        ),
    ] = 90 * 86400.0


class SourceSettings(Spec):
    """Files of this host that may be used to fill volumes."""

    directories: Annotated[
        tuple[Path, ...],
        Field(
            description="Directories whose files may be used to fill volumes, after symbolic links are resolved. The "
            "directory of the spec and those of pools in specs are always allowed. Defaults to "
            '["/var/lib/libvirt/images"].'
        ),
    ] = (Path("/var/lib/libvirt/images"),)


class MetricsSettings(Spec):
    """Metrics of domains, in addition to the daemon's own."""

    domains: Annotated[
        bool,
        Field(
            description="Whether to export the resource usage of each domain (libvirt_domain_…), under the names of the "
            "exporters for libvirt. Leave it off if one of these exporters runs, as all metrics would be "
            "exported twice. Defaults to false."
        ),
    ] = False
    interval_s: Annotated[
        Seconds,
        Field(
            alias="interval",
            ge=1,
            description='A time such as "15s". How often libvirt is queried for these metrics, regardless of how often '
            'Prometheus scrapes. Defaults to "15s".',
        ),
    ] = 15.0


class NotifySettings(Spec):
    """A notification receiver."""

    name: Annotated[
        str,
        Field(
            description="Name of this receiver in log and metrics. Defaults to its place in the list, such as "
            '"notify[0]".'
        ),
    ] = ""
    url: Annotated[
        SecretStr | None,
        Field(
            description="Apprise URL of the receiver: mailto://…, slack://…, json://…. It may contain passwords, so "
            "`urlFile` or `credential` is better. Exactly one of `url`, `urlFile` and `credential` must be set. Defaults to none."
        ),
    ] = None
    url_file: Annotated[
        Path | None,
        Field(description="A file whose only line is the Apprise URL of the receiver. Defaults to none."),
    ] = None
    credential: Annotated[
        str,
        Field(
            pattern="^[^/]*$",
            description="Name of a systemd credential (LoadCredential=) whose only line is the Apprise URL of the receiver. "
            "Defaults to none.",
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
            description='A time such as "5min". Shortest time between two notifications; events in between are sent in '
            'one. Defaults to "1min".',
        ),
    ] = 60.0

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if sum((self.url is not None, self.url_file is not None, self.credential != "")) != 1:
            raise ValueError("set exactly one of url, urlFile and credential")
        return self
