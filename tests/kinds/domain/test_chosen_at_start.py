"""Values that libvirt chooses at a guest's start are no change of the running guest, and are stored as in the spec."""

from dataclasses import replace

import pytest

from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Actual, Desired, Key
from kvmreconcile.plan.compare.live import live_changes
from kvmreconcile.tree import diff, overlay, parse

KEY = Key("Domain", "web1")
SOURCE = "<source mode='bind' host='127.0.0.1' service='{}'/>"
CHOSEN = {
    "VNC port": ("<graphics type='vnc' port='-1'/>", "<graphics type='vnc' port='5900' autoport='yes'/>"),
    "VNC port, automatic": (
        "<graphics type='vnc' port='-1' autoport='yes'/>",
        "<graphics type='vnc' port='5901' autoport='yes' listen='127.0.0.1'/>",
    ),
    "VNC port of a definition that ran": (
        "<graphics type='vnc' port='5930' autoport='yes'/>",
        "<graphics type='vnc' port='5901' autoport='yes'/>",
    ),
    "WebSocket": ("<graphics type='vnc' websocket='-1'/>", "<graphics type='vnc' websocket='5700'/>"),
    "SPICE ports": (
        "<graphics type='spice' port='-1' tlsPort='-1'/>",
        "<graphics type='spice' port='5900' tlsPort='5901' autoport='yes'/>",
    ),
    "SPICE TLS port, where the host has no TLS": (
        "<graphics type='spice' tlsPort='-1' autoport='yes'/>",
        "<graphics type='spice' port='5900' autoport='yes'/>",
    ),
    "address of a network to listen on": (
        "<graphics type='vnc'><listen type='network' network='lan' address='192.0.2.9'/></graphics>",
        "<graphics type='vnc'><listen type='network' network='lan' address='192.0.2.1'/></graphics>",
    ),
    "tap": (
        "<interface><mac address='52:54:00:00:00:01'/><target dev='tap%d'/></interface>",
        "<interface><mac address='52:54:00:00:00:01'/><target dev='tap3'/></interface>",
    ),
    "tap of an interface that has no other name": (
        "<interface type='network'><source network='lan'/><target dev='tap%d'/></interface>",
        "<interface type='network'><source network='lan'/><target dev='tap3'/></interface>",
    ),
    "vsock": ("<vsock><cid auto='yes'/></vsock>", "<vsock><cid auto='yes' address='3'/></vsock>"),
    "vsock of a definition that ran": (
        "<vsock><cid auto='yes' address='5'/></vsock>",
        "<vsock><cid auto='yes' address='3'/></vsock>",
    ),
    "service of a serial line": (
        f"<serial type='tcp'>{SOURCE.format(0)}<target port='0'/></serial>",
        f"<serial type='tcp'>{SOURCE.format(0)}<target port='0'/></serial>",
    ),
}
"""A device in a spec, and in the running definition."""
WHOLE = {
    "processors and nodes": (
        "<vcpu placement='auto'>2</vcpu><numatune><memory mode='strict' placement='auto'/></numatune>",
        "<vcpu placement='auto'>2</vcpu><numatune><memory mode='strict' placement='auto'/></numatune>",
    ),
    "memory": (
        "<memory>99001</memory><currentMemory>99001</currentMemory>",
        "<memory unit='KiB'>99328</memory><currentMemory unit='KiB'>99328</currentMemory>",
    ),
    "least processor": (
        "<cpu match='minimum'><model fallback='allow'>qemu64</model></cpu>",
        "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>EPYC</model></cpu>",
    ),
    "features that QEMU does not have": (
        "<cpu><feature name='la57' policy='optional'/><feature name='avx512f' policy='require'/></cpu>",
        "<cpu><feature name='la57' policy='disable'/><feature name='avx512f' policy='disable'/></cpu>",
    ),
    "local time": (
        "<clock offset='variable' adjustment='60' basis='localtime'/>",
        "<clock offset='variable' adjustment='7260' basis='utc'/>",
    ),
    "generation": (
        "<genid>81ff0d90-c91e-6742-64da-4a736edb9a9b</genid>",
        "<genid>0f6bd1ae-8a4f-4b2e-a6a5-0d3c1a8b7c6d</genid>",
    ),
}
"""The same, outside of devices."""
CASES = {
    **{name: [f"<domain><devices>{xml}</devices></domain>" for xml in pair] for name, pair in CHOSEN.items()},
    **{name: [f"<domain>{xml}</domain>" for xml in pair] for name, pair in WHOLE.items()},
}


def missing(spec: str, live: str) -> list[str]:
    """Return what a running guest lacks of its spec."""
    desired = Desired(KEY, parse(spec))
    actual = Actual(KEY, "", spec, live, active=True, runtime_id=1)
    return [change.path for change in live_changes(desired, actual, RULES)]


@pytest.mark.parametrize(("spec", "live"), CASES.values(), ids=CASES)
def test_any_running_value_matches_a_value_chosen_at_start(spec: str, live: str) -> None:
    assert missing(spec, live) == []


@pytest.mark.parametrize(
    "name", ["VNC port", "WebSocket", "tap", "vsock of a definition that ran", "memory", "local time"]
)
def test_stored_definition_must_still_match_the_spec(name: str) -> None:
    spec, other = (parse(xml) for xml in CASES[name])

    assert list(diff(other, overlay(other, spec, RULES), RULES))


@pytest.mark.parametrize(
    ("spec", "live", "path"),
    [
        (
            "<graphics type='vnc' port='5930' autoport='no'/>",
            "<graphics type='vnc' port='5901'/>",
            "devices/graphics[vnc]/@port",
        ),
        (
            "<graphics type='vnc'><listen type='address' address='192.0.2.9'/></graphics>",
            "<graphics type='vnc'><listen type='network' network='lan'/></graphics>",
            "devices/graphics[vnc]/listen[address:192.0.2.9]",
        ),
        (
            "<vsock><cid auto='no' address='5'/></vsock>",
            "<vsock><cid auto='no' address='3'/></vsock>",
            "devices/vsock/cid/@address",
        ),
    ],
)
def test_value_that_differs_from_a_fixed_value_in_the_spec_is_pending(
    spec: str, live: str, path: str
) -> None:
    both = (f"<domain><devices>{xml}</devices></domain>" for xml in (spec, live))

    assert path in missing(*both)


def test_rows_cite_their_source_in_libvirt() -> None:
    rows = [row for _, rows in RULES.automatic.rows for row in rows]

    assert all(row.source for row in rows)
    assert replace((RULES.automatic.get("devices/graphics") or ())[0], value="x").covers(
        parse("<graphics port='x'/>")
    )
