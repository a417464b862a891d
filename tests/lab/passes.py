"""Run passes over one network or pool of a lab as the daemon does, and count its stops."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import libvirt
import yaml

from kvmreconcile.execute.executor import SilentReporter
from kvmreconcile.host.connection import Connection
from kvmreconcile.model import Key, Plan
from kvmreconcile.plan import Overrides
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.load import load
from kvmreconcile.state import State
from tests.lab.lab import Lab
from tests.lab.whole_specs import KNOWN, Fields
from tests.waiting import wait_until

NAME = "lab"
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_BARRIER = "barrier"


@dataclass
class Events:
    """The events that libvirt reports of networks and pools."""

    virt: libvirt.virConnect
    _stopped: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        # Networks and pools number their events alike.
        self.virt.networkEventRegisterAny(None, 0, self._note, None)
        self.virt.storagePoolEventRegisterAny(None, 0, self._note, None)

    def _note(self, _connection: object, each: Any, event: int, _detail: int, _opaque: object) -> None:
        if event == libvirt.VIR_NETWORK_EVENT_STOPPED:
            self._stopped.append(each.name())
        self._seen.add(each.name())

    def stops(self) -> int:
        """Return how often the object was stopped. Events are reported in order, so the arrival of a last one proves that all have arrived."""
        self._seen.discard(_BARRIER)
        self.virt.networkDefineXML(f"<network><name>{_BARRIER}</name></network>").undefine()
        self.virt.storagePoolDefineXML(
            f"<pool type='dir'><name>{_BARRIER}</name><target><path>/</path></target></pool>"
        ).undefine()
        wait_until(lambda: _BARRIER in self._seen, "all events are reported")
        return self._stopped.count(NAME)


@dataclass
class Passes:
    """The passes over one object."""

    lab: Lab
    connection: Connection
    directory: Path
    kind: str
    places: Mapping[str, str]
    """Placeholders in specs, by their value in the lab."""

    def __post_init__(self) -> None:
        self.key = Key(self.kind, NAME)
        self.specs = self.directory / f"{NAME}.yaml"
        self.state = State.open(self.directory / "state")
        settings = Settings.model_validate({"specs": self.specs, "settle": {"removal": "0s"}})
        self.session = Session(settings, KNOWN, self.connection, self.state)
        self.events = Events(self.connection.virt)

    def write_spec(self, fields: Fields, max_effect: str) -> None:
        """Write the spec."""
        self.fields = fields
        spec = {**fields, "update": {"maxEffect": max_effect}}
        document = {"apiVersion": "kvmreconcile/v1", "kind": self.kind, "metadata": {"name": NAME}}
        text = yaml.safe_dump({**document, "spec": spec})
        for word, place in self.places.items():
            text = text.replace(word, place)
        self.specs.write_text(text)

    def apply(self) -> Plan:
        """Make a pass, and return what it planned."""
        loaded = load([self.specs], KNOWN, "default")
        assert not loaded.problems
        world = self.session.observe(loaded, _NOW)
        plan = self.session.plan(world, Overrides())
        report = self.session.execute(plan, world, SilentReporter())
        assert not report.failed, [outcome.error for outcome in report.failed]
        return plan

    def pending(self) -> list[str]:
        """Make a pass that plans nothing, and return what is pending."""
        plan = self.apply()
        assert plan.actions == ()
        assert plan.held == ()
        return [change.path for change in plan.pending.get(self.key, ())]

    def restart_by_virsh(self) -> None:
        """Stop and start the object as an administrator does."""
        tool = "net" if self.kind == "Network" else "pool"
        for verb in ("destroy", "start"):
            self.lab.virsh(f"{tool}-{verb}", NAME)

    def assert_in_sync(self) -> None:
        """Fail unless nothing is planned, nothing pending, and nothing remembered as pending."""
        assert self.pending() == []
        assert self.state.applied()[self.key].pending == ()

    def remove(self) -> None:
        """Remove the object and its applied state."""
        find = {"Network": "networkLookupByName", "StoragePool": "storagePoolLookupByName"}[self.kind]
        each = getattr(self.connection.virt, find)(NAME)
        each.destroy()
        each.undefine()
        self.state.close()
