"""Which parts of an edit are applied to an active network, and which are pending until its next start."""

from dataclasses import replace

import pytest

from kvmreconcile.kinds.network import KIND
from kvmreconcile.kinds.network.spelling import normalize_observed
from kvmreconcile.kinds.ownership_mark import with_mark
from kvmreconcile.model import Actual, Desired, Key, OwnershipMark, Plan
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.compare.pending import to_remember
from kvmreconcile.tree import parse, to_xml
from tests.kinds.network.bench import INSTANCE, desired_from, plan_for, verbs

KEY = Key("Network", "lab")
BASE = "mode: nat\nbridge: virbr7\naddresses: [{address: 192.0.2.1/24}]"
DHCP = (
    "mode: nat\nbridge: virbr7\naddresses: [{address: 192.0.2.1/24, dhcp: {"
    "ranges: [{start: 192.0.2.100, end: 192.0.2.200}], bootp: {file: a}}}]"
)
DNS = "dns: {forwardPlainNames: false, forwarders: [{address: 192.0.2.9}], hosts: [{ip: 192.0.2.5, names: [a]}]}"
EDITS = {
    "DNS": (f"{BASE}\n{DNS}", ["update-dns"], ["dns/@forwardPlainNames", "dns/forwarder[192.0.2.9]"]),
    "DHCP": (DHCP, ["update-dhcp"], ["ip[192.0.2.1]/dhcp/bootp"]),
    "zone": (f"{BASE}\nzone: a", [], ["bridge/@zone"]),
    "bandwidth": (
        f"{BASE}\nxml: <network><bandwidth><inbound average='1000'/><outbound average='10'/></bandwidth></network>",
        [],
        ["bandwidth"],
    ),
    "addresses of the host's devices": (
        f"{BASE}\nxml: <network><forward><nat><port start='1024' end='2000'/></nat></forward></network>",
        [],
        ["forward/nat"],
    ),
}
"""What a spec says that then says the base alone; the verbs that follow beside define; what is pending then."""


def network(stored: Desired, live: Desired) -> Actual:
    """Return a running network of ours."""
    uuid = stored.creation.uuid
    mark = OwnershipMark(INSTANCE, str(KEY), uuid)
    xml, live_xml = (
        normalize_observed(
            to_xml(
                with_mark(replace(d.tree, children=(*d.tree.children, parse(f"<uuid>{uuid}</uuid>"))), mark)
            )
        )
        for d in (stored, live)
    )
    return Actual(KEY, uuid, xml, live_xml, active=True, autostart=False, ownership_mark=mark)


def pending(plan: Plan) -> list[str]:
    return sorted(change.path for change in plan.pending.get(KEY, ()))


@pytest.mark.parametrize(("text", "live", "waits"), EDITS.values(), ids=EDITS)
def test_removed_fields_are_applied_live_or_pending(text: str, live: list[str], waits: list[str]) -> None:
    was, base = desired_from(text), desired_from(BASE)
    before = network(was, was)
    known = applied_after(was, before, KIND, INSTANCE)

    plan = plan_for(base, before, known)

    assert (verbs(plan.actions), pending(plan)) == (["define", *live], waits)
    stored = network(base, was)
    after = applied_after(base, stored, KIND, INSTANCE)
    known = replace(after, pending=to_remember(plan.pending[KEY], base, before, KIND))
    assert pending(plan_for(base, stored, known)) == waits
    assert plan_for(base, network(base, base), known).pending == {}
