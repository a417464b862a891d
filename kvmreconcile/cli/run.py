"""`kvmreconcile run`: the daemon. Separate from it, so that the command line starts without loading it."""

from dataclasses import dataclass, field

from kvmreconcile.cli.options import Common, Paths
from kvmreconcile.cli.signals import interruption


@dataclass(frozen=True, kw_only=True)
class RunOptions(Common):
    """What `run` understands."""

    paths: Paths = field(default_factory=list)


def run(options: RunOptions) -> int:
    """Keep the host as the specs say until told to stop."""
    from kvmreconcile import daemon  # noqa: PLC0415  loaded only when needed

    # Until the daemon takes over the signals, and after it has.
    interruption.remark = ""
    settings = options.settings()
    return daemon.run(settings, options.paths)
