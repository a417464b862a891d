"""Find the limits of a host: those of its settings, and the gates of installed packages."""

from kvmreconcile.execute.plugins import GATES, load_all
from kvmreconcile.plan import Limit, Limits
from kvmreconcile.settings.settings import Settings


def host_limits(settings: Settings) -> Limits:
    """
    Return the limits of a host.

    Raises:
        SpecError: A gate cannot be loaded.
    """
    limits = settings.limits
    return Limits(
        delete=Limit(limits.max_delete_share, limits.max_delete),
        restart=Limit(limits.max_restart_share, limits.max_restart),
        replace=Limit(limits.max_replace_share, limits.max_replace),
        remake=Limit(limits.max_remake_share, limits.max_remake),
        settle_s=settings.settle.removal_s,
        gates=load_all(GATES),
    )
