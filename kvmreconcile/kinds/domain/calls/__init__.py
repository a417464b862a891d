"""
Verbs that change a running domain after its new definition was stored.

Only they and `driver` call libvirt.
"""

from kvmreconcile.kinds.domain.calls.attach import ATTACH_VERBS
from kvmreconcile.kinds.domain.calls.disk_migration import MIGRATION_VERBS
from kvmreconcile.kinds.domain.calls.power import POWER_VERBS
from kvmreconcile.kinds.domain.calls.readiness import READY_VERBS
from kvmreconcile.kinds.domain.calls.threads import THREAD_VERBS
from kvmreconcile.kinds.domain.calls.tuning import TUNING_VERBS
from kvmreconcile.kinds.domain.calls.values import VALUE_VERBS

LIVE_VERBS = {
    **ATTACH_VERBS,
    **MIGRATION_VERBS,
    **POWER_VERBS,
    **READY_VERBS,
    **TUNING_VERBS,
    **THREAD_VERBS,
    **VALUE_VERBS,
}
"""Functions of the verbs that rows of `actions` or the planner name."""
