"""Performance events that the host counts for a domain. A spec describes them only in `xml`."""

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.tree import Rules, Table, Update, paths

_EVENT = (Update("set-perf", at=".", source=f"{SOURCE}#virDomainSetPerfEvents"),)
SECTION = Section(
    rules=Rules(
        # Monitoring tools enable events as well.
        members=Table({"event": shared_list(("@name",))}),
        containers=paths(""),
        actions=Table({"event": _EVENT, "event/@enabled": _EVENT}),
    ).below("perf")
)
