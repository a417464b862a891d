"""
Exercise rows of the table of live changes on a guest that runs, checked by what the guest sees.

A group of edits shares a guest, so that it boots twice and not once for each row.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import yaml

from kvmreconcile.tree import Table
from tests.lab.guest import GuestFiles, ask_agent, wait_for_agent
from tests.lab.session import Session, run_virsh_with_xml
from tests.waiting import wait_until

Value = Any
"""A value of YAML."""

_HOST = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {{name: images}}
spec: {{path: {path}}}
---
apiVersion: kvmreconcile/v1
kind: Network
metadata: {{name: lan}}
spec:
  mode: isolated
  bridge: virbr11
  addresses: [{{address: 192.0.2.1/25, dhcp: {{ranges: [{{start: 192.0.2.50, end: 192.0.2.100}}]}}}}]
  xml: <network><portgroup name='fast'/></network>
---
apiVersion: kvmreconcile/v1
kind: Network
metadata: {{name: dmz}}
spec: {{mode: isolated, bridge: virbr12, addresses: [{{address: 192.0.2.129/25, dhcp: {{ranges: [{{start: 192.0.2.150, end: 192.0.2.200}}]}}}}]}}
"""
_VOLUME = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{name: {name}}}
spec: {{pool: images, capacity: 16MiB, format: {format}}}
"""
_FILTERS = (
    "<filter name='quiet'><rule action='drop' direction='out'><mac srcmacaddr='$SOURCE'/></rule></filter>",
    "<filter name='silent'><rule action='drop' direction='inout'><mac srcmacaddr='$SOURCE'/></rule></filter>",
)
# Debian 13's kernel uses the memory of a module that is there when it boots, and never releases it.
_CMDLINE = "console=ttyS0 quiet memhp_default_state=offline"
VOLUMES = {
    "root.qcow2": "qcow2",
    "data.qcow2": "qcow2",
    "more.qcow2": "qcow2",
    "one.iso": "raw",
    "two.iso": "raw",
}
"""Volumes in the pool "images" for the groups' disks."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest that runs, observed through its agent."""

    session: Session
    name: str

    def sh(self, command: str) -> str:
        """Return what a shell inside prints."""
        words = {"path": "/bin/sh", "arg": ["-c", command], "capture-output": True}
        pid = ask_agent(self.session.lab, self.name, "guest-exec", **words)["pid"]
        said: dict[str, Any] = {}

        def is_over() -> bool:
            said.update(ask_agent(self.session.lab, self.name, "guest-exec-status", pid=pid))
            return bool(said["exited"])

        wait_until(is_over, f"{command} ends in {self.name}")
        return base64.b64decode(said.get("out-data", "")).decode().strip()

    def virsh(self, command: str, *words: str) -> str:
        """Return the output of a virsh command on it."""
        return self.session.lab.virsh(command, self.name, *words)

    def has_processors(self, count: int) -> bool:
        """
        Return whether it has this number of processors.

        Debian 13's Linux (6.12) keeps no place for one that comes later under QEMU's emulation: "CPU topo: Allowing 1
        present CPUs plus 0 hotplug CPUs", then "ACPI: Unable to map lapic to logical cpu number". It never sees it, so
        there only QEMU is asked.
        """
        if self.sh("cat /sys/devices/system/cpu/possible") == "0":
            return self.virsh("vcpucount", "--current", "--live").strip() == str(count)
        return self.sh("nproc") == str(count)

    @property
    def boot(self) -> str:
        """The kernel's own mark of this boot."""
        return self.sh("cat /proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Edit:
    """
    An edit of a spec that reaches the guest while it runs.

    Attributes:
        name: What is done, as the name of the test.
        rows: Rows of the table that apply it, each as "path:verb".
        change: What is written, by place, such as "vcpus.count" or "disks[data].readonly"; None takes it out.
        shown: The steps of the plan besides `define`, each as "verb sign path".
        seen: Called repeatedly with the guest until it returns True, and again after a power cycle.
        passing: Whether a later edit of the group reverts it, so that it is not checked after the power cycle.
    """

    name: str
    rows: tuple[str, ...]
    change: Mapping[str, Value]
    shown: tuple[str, ...]
    seen: Callable[[Guest], object] = field(default=lambda _: True)
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """
    A guest, and the edits that it receives one after another.

    Attributes:
        spec: Its fields beside the common ones.
        since: The first libvirt that can do it.
    """

    name: str
    edits: tuple[Edit, ...]
    spec: Mapping[str, Value] = field(default_factory=dict)
    since: tuple[int, int, int] = (9, 0, 0)


def prepare(session: Session) -> None:
    """Create the pool, the volumes, the networks and the filters that all groups share."""
    volumes = (_VOLUME.format(name=name, format=form) for name, form in VOLUMES.items())
    session.write("host.yaml", "---\n".join([_HOST.format(path=session.lab.path / "images/pool"), *volumes]))
    session.converge()
    for xml in _FILTERS:
        run_virsh_with_xml(session.lab, "nwfilter-define", xml)


def run_group(group: Group, session: Session, files: GuestFiles) -> None:
    """Start the group's guest, make each of its edits, and switch it off and on again."""
    spec = {**_common(files), **deepcopy(dict(group.spec))}
    guest = Guest(session, group.name)
    _write(guest, spec)
    session.converge()
    wait_for_agent(session.lab, group.name)
    boot = guest.boot
    for edit in group.edits:
        _make(edit, spec, guest)
        assert guest.boot == boot, edit.name
    _power_cycle(guest)
    assert guest.boot != boot
    for edit in group.edits:
        if not edit.passing:
            wait_until(lambda seen=edit.seen: seen(guest), f"{edit.name}, after a power cycle")  # type: ignore[misc]


def clear(group: Group, session: Session) -> None:
    """Remove the group's guest and its spec, also after a failure."""
    (session.specs / "guest.yaml").unlink(missing_ok=True)
    if group.name in session.lab.virsh("list", "--all", "--name").split():
        session.lab.virsh("undefine", group.name, "--nvram", "--managed-save")
    if group.name in session.lab.virsh("list", "--name").split():
        session.lab.virsh("destroy", group.name)


def unserved(actions: Table[Any], groups: Iterable[Group]) -> set[str]:
    """Return the rows, each as "path:verb", that no edit exercises."""
    served = {row for group in groups for edit in group.edits for row in edit.rows}
    return rows_of(actions) - served


def rows_of(actions: Table[Any]) -> set[str]:
    """Return every row as "path:verb", except those whose change is applied by other rows."""
    return {f"{path}:{update.verb}" for path, rows in actions.rows for update in rows if update.verb}


def _common(files: GuestFiles) -> dict[str, Value]:
    return {
        "type": "qemu",
        "machine": "q35",
        "memory": "128MiB",
        "boot": {"kernel": str(files.vmlinuz), "initrd": str(files.initrd), "cmdline": _CMDLINE},
    }


def _write(guest: Guest, spec: Mapping[str, Value]) -> None:
    whole = {
        "apiVersion": "kvmreconcile/v1",
        "kind": "Domain",
        "metadata": {"name": guest.name},
        "spec": spec,
    }
    guest.session.write("guest.yaml", yaml.safe_dump(whole, sort_keys=False))


def _make(edit: Edit, spec: dict[str, Value], guest: Guest) -> None:
    for place, value in edit.change.items():
        put(spec, place, value)
    _write(guest, spec)
    plan = guest.session.plan()
    steps = [step for step in plan["actions"] if step["verb"] != "define"]
    shown = [f"{s['verb']} {c['sign']} {c['path']}" for s in steps for c in s["changes"]]
    assert sorted(shown) == sorted(edit.shown), f"{edit.name}: {shown}"
    effects = {(step["verb"], step["effect"]) for step in plan["actions"]}
    assert {effect for _, effect in effects} == {"live"}, f"{edit.name}: {plan['actions']}"
    left = [plan[name] for name in ("held", "pending", "problems")]
    assert not any(left), f"{edit.name}: {left}"
    for row in edit.rows:
        path, _, verb = row.rpartition(":")
        paths = [bare(c["path"]) for s in steps if s["verb"] == verb for c in s["changes"]]
        assert any(Table({path: True}).get(p) for p in paths), f"{edit.name}: {row} is not what is planned"
    guest.session.converge()
    wait_until(lambda: edit.seen(guest), edit.name)
    guest.session.assert_in_sync()


def _power_cycle(guest: Guest) -> None:
    guest.virsh("shutdown", "--mode", "acpi")
    wait_until(lambda: guest.virsh("domstate").strip() == "shut off", f"{guest.name} is off")
    assert guest.session.drift() == [f"Domain/{guest.name} start"]
    guest.session.converge()
    wait_for_agent(guest.session.lab, guest.name)
    # The balloon reaches its size only once the guest's driver is loaded.
    wait_until(lambda: not guest.session.drift(), f"{guest.name} is as expected")
    guest.session.assert_in_sync()


def bare(path: str) -> str:
    """Return a path without the names of members: "devices/disk[data]" is "devices/disk" to a row."""
    return re.sub(r"\[[^]]*\]", "", path)


def put(spec: dict[str, Value], place: str, value: Value) -> None:
    """Write a value at a place of a spec; None takes it out."""
    *way, last = place.split(".")
    here: Value = spec
    for word in way:
        here = _step(here, word)
    name, _, member = last.rstrip("]").partition("[")
    if member:
        found = [item for item in here.setdefault(name, []) if item.get("name") != member]
        here[name] = found if value is None else [*found, {"name": member, **value}]
    elif value is None:
        del here[name]
    else:
        here[name] = value


def _step(here: Value, word: str) -> Value:
    name, _, member = word.rstrip("]").partition("[")
    if not member:
        return here.setdefault(name, {})
    return next(item for item in here[name] if item.get("name") == member)
