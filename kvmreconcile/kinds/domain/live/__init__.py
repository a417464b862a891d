"""
The verbs that change a running domain: the second half of its driver.

A change is always stored first; what these do is for the running domain alone. Separate because they grow
with every device that libvirt learns to plug.
"""

from kvmreconcile.kinds.domain.live.move import MOVE_VERBS
from kvmreconcile.kinds.domain.live.plug import PLUG_VERBS
from kvmreconcile.kinds.domain.live.power import POWER_VERBS
from kvmreconcile.kinds.domain.live.ready import READY_VERBS
from kvmreconcile.kinds.domain.live.threads import THREAD_VERBS
from kvmreconcile.kinds.domain.live.tuning import TUNING_VERBS
from kvmreconcile.kinds.domain.live.values import VALUE_VERBS

LIVE_VERBS = {
    **PLUG_VERBS,
    **MOVE_VERBS,
    **POWER_VERBS,
    **READY_VERBS,
    **TUNING_VERBS,
    **THREAD_VERBS,
    **VALUE_VERBS,
}
"""What rows of `actions` or the planner name, by the verb's name."""
