"""Define the settings of history, content sources, metrics and notifications."""

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
            description="Number of history entries to keep; older entries are deleted. A pass with actions has one entry, "
            "plus one entry for each action. Defaults to 20000.",
        ),
    ] = 20_000
    age_s: Annotated[
        Seconds,
        Field(
            alias="age",
            gt=0,
            description='A time such as "90d". History entries older than this are deleted, at most 100 at a time. '
            'Defaults to "90d".',
        ),
    ] = 90 * 86400.0


class SourceSettings(Spec):
    """Files of this host that may be used as the content of volumes."""

    directories: Annotated[
        tuple[Path, ...],
        Field(
            description="Directories with files that may be used as the content of volumes. Symbolic links are resolved "
            "before the check. The directory of the spec and the directories of pools in specs are always "
            'allowed. Defaults to ["/var/lib/libvirt/images"].'
        ),
    ] = (Path("/var/lib/libvirt/images"),)


class MetricsSettings(Spec):
    """Metrics of domains, in addition to the metrics of the daemon."""

    domains: Annotated[
        bool,
        Field(
            description="Whether to export the resource usage of each domain (libvirt_domain_…), with the metric names of "
            "libvirt exporters. Do not enable this together with such an exporter: all metrics would be "
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
            description="Name of this receiver in logs and metrics. Defaults to its index in the list, such as "
            '"notify[0]".'
        ),
    ] = ""
    url: Annotated[
        SecretStr | None,
        Field(
            description="Apprise URL of the receiver: mailto://…, slack://…, json://…. Prefer `urlFile` or `credential` if "
            "the URL contains a password. Exactly one of `url`, `urlFile` and `credential` must be set. "
            "Defaults to none."
        ),
    ] = None
    url_file: Annotated[
        Path | None,
        Field(description="File with the Apprise URL of the receiver on a single line. Defaults to none."),
    ] = None
    credential: Annotated[
        str,
        Field(
            pattern="^[^/]*$",
            description="Name of a systemd credential (LoadCredential=) with the Apprise URL of the receiver on a single "
            "line. Defaults to none.",
        ),
    ] = ""
    on: Annotated[
        tuple[Literal["failed", "held", "recovered", "healed", "approved"], ...],
        Field(
            min_length=1,
            description="Events that cause a notification (see docs/notifications.md). Defaults to [failed, held, recovered].",
        ),
    ] = ("failed", "held", "recovered")
    interval_s: Annotated[
        Seconds,
        Field(
            alias="interval",
            ge=0,
            description='A time such as "5min". Minimum time between two notifications; events during this time are '
            'combined into one notification. Defaults to "1min".',
        ),
    ] = 60.0

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if sum((self.url is not None, self.url_file is not None, self.credential != "")) != 1:
            raise ValueError("set exactly one of url, urlFile and credential")
        return self
