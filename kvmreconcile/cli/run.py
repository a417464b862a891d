"""`kvmreconcile run`: run the daemon."""

from dataclasses import dataclass, field

from kvmreconcile.cli.options import Common, Paths
from kvmreconcile.cli.signals import interruption


@dataclass(frozen=True, kw_only=True)
class RunOptions(Common):
    """Options of `run`."""

    paths: Paths = field(default_factory=list)


def run(options: RunOptions) -> int:
    """Run the daemon, which reconciles the host until the daemon is stopped."""
    from kvmreconcile import daemon  # noqa: PLC0415  loaded only when needed

    # The daemon handles the signals itself.
    interruption.remark = ""
    settings = options.settings()
    return daemon.run(settings, options.paths)
