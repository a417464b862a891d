"""
A fake host that can be set to misbehave.

It does not imitate a hypervisor: it fails on the n-th call, is busy or slow, normalizes values or exits. Its objects are
in files, so that they outlive a process that is killed.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from kvmreconcile.errors import HostError, Unavailable
from kvmreconcile.kinds.kind import Document, Kind, ObjectSpec, derived_uuid
from kvmreconcile.model import (
    Action,
    Actual,
    Applied,
    Capacity,
    Creation,
    Desired,
    HostId,
    Key,
    Observation,
    Power,
    Prune,
    Reason,
    Surroundings,
    Unknown,
    Unobservable,
    World,
)
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import (
    CreationDefaults,
    Effect,
    Members,
    Node,
    Owner,
    Ref,
    Rules,
    Table,
    Update,
    make,
    overlay,
    parse,
    paths,
    to_xml,
)
from tests.first_seen import LONG

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
HALF = "<volume><half/></volume>"


@dataclass
class Host:
    """
    The objects, and how the host misbehaves.

    Attributes:
        faults: Exceptions that a step ("start Domain/web1") raises, one per call.
        before: Called with each action before it is executed, to wait or to check which others run.
        step: Called before each change to a file, to exit there.
        normalize: Returns a definition as the host stores it.
        unobservable: Why nothing can be observed, "" if it can; "raise" raises an error.
        unreadable: Why single objects cannot be read.
        jobs: Jobs that run in single objects.
        version: The reported versions of libvirt and QEMU.
    """

    directory: Path
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    before: Callable[[Action], None] = lambda _action: None
    step: Callable[[], None] = lambda: None
    normalize: Callable[[Node], Node] = lambda tree: tree
    unobservable: str = ""
    unreadable: dict[Key, str] = field(default_factory=dict)
    jobs: dict[Key, str] = field(default_factory=dict)
    alive: bool = True
    version: str = "libvirt 9.0.0, QEMU 7.2.0"
    log: list[str] = field(default_factory=list)

    uri = "files:///host"

    def identify(self) -> HostId:
        return HostId("", self.uri)

    def embedded(self) -> None:
        raise Unavailable("")

    def is_alive(self) -> bool:
        return self.alive

    def software(self) -> str:
        return self.version

    def capacity(self) -> Capacity:
        return Capacity(cpus=2, memory=1 << 30)

    def capabilities(self) -> str:
        return "<capabilities/>"

    def keys(self) -> set[Key]:
        return {Key.read(unquote(f.stem)) for f in self.directory.glob("*.xml")}

    def active(self) -> set[Key]:
        return {Key.read(unquote(f.stem)) for f in self.directory.glob("*.active")}

    def file(self, key: Key, suffix: str = ".xml") -> Path:
        return self.directory / (quote(str(key), safe="") + suffix)

    def tree(self, key: Key) -> Node:
        return parse(self.file(key).read_text())

    def write(self, key: Key, xml: str, suffix: str = ".xml") -> None:
        self.step()
        file = self.file(key, suffix)
        file.with_suffix(".new").write_text(xml)
        file.with_suffix(".new").replace(file)

    def delete(self, key: Key, suffix: str = ".xml") -> None:
        self.step()
        self.file(key, suffix).unlink(missing_ok=True)

    def observed(self, names: Collection[str] | None = None) -> Observation:
        keys = (key for key in self.keys() if names is None or key.name in names)
        unreadable = self.unreadable
        return Observation(
            {k: Unknown(k, unreadable[k]) if k in unreadable else self.actual(k) for k in keys}
        )

    def actual(self, key: Key) -> Actual:
        xml, active = self.file(key).read_text(), key in self.active()
        uuid = parse(xml).get("uuid") or ""
        job, run = self.jobs.get(key, ""), 1 if active else None
        return Actual(key, uuid, xml, xml if active else None, active, runtime_id=run, job=job)


class Driver:
    """A driver that acts on files."""

    def observe(self, connection: Host, names: Collection[str] | None = None) -> Observation:
        step = f"observe {', '.join(names or ())}"
        connection.log.append(step)
        if connection.faults.get(step):
            raise connection.faults[step].pop(0)
        if connection.unobservable == "raise":
            raise HostError("cannot list")
        if connection.unobservable:
            return Observation(unobservable=(Unobservable("", connection.unobservable),))
        return connection.observed(names)

    def perform(self, connection: Host, action: Action) -> None:
        step = f"{action.verb.name} {action.key}"
        connection.log.append(step)
        connection.before(action)
        if connection.faults.get(step):
            raise connection.faults[step].pop(0)
        match action.verb.name:
            case "create" | "recreate" | "define":
                self._make(connection, action)
            case "start":
                connection.write(action.key, "", ".active")
            case "ready" | "move":
                pass
            case "rename":
                assert action.former is not None
                self._rename(connection, action.former, action.key)
            case "stop":
                connection.delete(action.key, ".active")
            case "remove":
                connection.delete(action.key, ".active")
                connection.delete(action.key)
            case verb:
                raise AssertionError(verb)

    def _make(self, connection: Host, action: Action) -> None:
        if action.key.kind == "Volume":
            connection.write(action.key, HALF)
        connection.write(action.key, to_xml(connection.normalize(action.tree or Node("none"))))

    def _rename(self, connection: Host, former: Key, key: Key) -> None:
        """Do an atomic operation, which cannot be interrupted halfway."""
        connection.step()
        connection.file(former).rename(connection.file(key))


def complete(proposed: Node, surroundings: Surroundings) -> Node:
    """Return an object with its UUID, as kinds with UUIDs do."""
    if proposed.tag == "volume":
        return proposed
    return overlay(proposed, Node(proposed.tag, children=(Node("uuid", text=surroundings.uuid),)), Rules())


def kind(name: str, rules: Rules, *, is_guest: bool) -> Kind:
    def undescribed(_document: Document) -> Key:
        raise NotImplementedError

    def undesired(_document: Document, _instance: str) -> Desired:
        raise NotImplementedError

    return Kind(
        name=name,
        root=name.lower(),
        spec=ObjectSpec,
        rules=rules,
        key=undescribed,
        desire=undesired,
        complete=complete,
        driver=Driver,
        adopt=lambda _actual: {},
        prune=Prune.AUTO,
        has_lifecycle=is_guest,
        redefines_whole=is_guest,
    )


KINDS = {
    "Domain": kind(
        "Domain",
        Rules(
            members=Table(
                {"disk": Members((("@dev",),), Owner.SHARED), "nic": Members((("@name",),), Owner.SPEC)}
            ),
            creation_defaults=Table({"disk": (CreationDefaults(make("disk", {"cache": "none"})),)}),
            refs=Table({"disk": (Ref("Volume", ("@volume",)),)}),
            secrets=paths("password"),
            live_ignored=paths("firmware"),
        ),
        is_guest=True,
    ),
    "Volume": kind(
        "Volume",
        Rules(actions=Table({"capacity": (Update("resize"),), "**": (Update("define"),)})),
        is_guest=False,
    ),
}


def desired(key: str, xml: str = "", *, power: Power | None = None) -> Desired:
    name = Key.read(key)
    uuid = derived_uuid("lab", name) if name.kind == "Domain" else ""
    return Desired(name, parse(xml or f"<{name.kind.lower()}/>"), Creation(uuid), power=power)


def world(host: Host, *wanted: Desired, applied: dict[Key, Applied] | None = None) -> World:
    there, known = {d.key: d for d in wanted}, applied or {}
    return World("lab", "host1", NOW, there, host.observed(), known, first_seen=LONG)


def action(verb: str, key: str, *needs: str) -> Action:
    name = Key.read(key)
    tree = Node(name.kind.lower())
    return Action(name, verb_of(verb), Effect.LIVE, Reason.NEW, needs=tuple(map(Key.read, needs)), tree=tree)
