"""
A host on which a guest has a running and a stored definition, and an edit of that guest.

As a program it makes passes over that guest and exits at its n-th side effect.
"""

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from kvmreconcile.errors import HostError, Unsupported
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Actual, Desired, Key, Observation, Policy, Power
from kvmreconcile.state import State
from kvmreconcile.tree import Effect, Members, Node, Owner, Rules, Table, Update, parse, paths, put, to_xml
from tests.execute.conftest import Stage
from tests.execute.host import KINDS, Driver, Host, desired, kind
from tests.execute.killable_state import KillableState

WEB = Key("Domain", "web")
WHY = "no such thing"
PASSES = 4
"""More than it takes."""
RULES = Rules(
    members=Table({"disk": Members((("@dev",),), Owner.SPEC), "nic": Members((("@name",),), Owner.SPEC)}),
    actions=Table(
        {
            "disk": (Update("attach", "+"), Update("detach", "-")),
            "title": (Update("set-title"),),
            "nic/vlan": (Update("update", at="nic"),),
            "nic/vlan/@tag": (Update("update", at="nic"),),
            "password": (Update("set-password", "~"),),
        }
    ),
    secrets=paths("password", "disk/@key"),
)
BEFORE = '<domain><title>old</title><nic name="lan"/></domain>'
AFTER = '<domain><title>new</title><nic name="lan"><vlan tag="7"/></nic></domain>'
"""An edit of which the part that is about the VLAN may be refused."""


@dataclass
class LiveHost(Host):
    """
    A host that keeps the running and the stored definition of a guest separately.

    Attributes:
        refuses: Called before each step; raises the error if the step is refused.
        filled: Elements that libvirt adds to a stored definition.
    """

    refuses: Callable[[Action], None] = lambda _action: None
    filled: Callable[[Node], Node] = field(default=lambda tree: tree)

    def actual(self, key: Key) -> Actual:
        seen = super().actual(key)
        run = self.file(key, ".active")
        if not seen.active:
            return seen
        number, _, live = run.read_text().partition("\n")
        return replace(seen, live_xml=live, runtime_id=int(number))

    def live(self, key: Key = WEB) -> Node:
        return parse(self.actual(key).live_xml or "<off/>")

    def run(self, key: Key, live: Node, number: int = 1) -> None:
        self.write(key, f"{number}\n{to_xml(live)}", ".active")

    def stop(self, key: Key = WEB) -> None:
        self.delete(key, ".active")


class LiveDriver(Driver):
    """Executes steps on running guests."""

    def observe(self, connection: Host, names: Collection[str] | None = None) -> Observation:
        return super().observe(connection, names)

    def perform(self, connection: Host, action: Action) -> None:
        assert isinstance(connection, LiveHost)
        key = action.key
        connection.log.append(f"{action.verb.name} {key}")
        connection.before(action)
        faults = connection.faults.get(f"{action.verb.name} {key}")
        if faults:
            raise faults.pop(0)
        if action.verb.name not in ("start", "restart"):
            connection.refuses(action)
        match action.verb.name:
            case "create" | "define":
                connection.write(key, to_xml(connection.filled(action.definition)))
            case "start" | "restart":
                before = connection.actual(key)
                if action.verb.name == "restart":
                    connection.stop(key)
                connection.refuses(action)
                connection.run(key, connection.tree(key), (before.runtime_id or 0) + 1)
            case "attach" | "detach" | "set-title" | "update" | "set-password":
                live = connection.live(key)
                for change in action.changes:
                    live = put(live, change.steps, change.new, RULES)
                connection.run(key, live, connection.actual(key).runtime_id or 0)
            case verb:
                raise AssertionError(verb)


LIVE_KINDS: dict[str, Kind] = {
    **KINDS,
    "Domain": replace(kind("Domain", RULES, is_guest=True), driver=LiveDriver),
}


def guest(xml: str = BEFORE, **policy: object) -> Desired:
    """Return the guest, running."""
    return replace(desired(str(WEB), xml, power=Power.RUNNING), policy=Policy(**policy))  # type: ignore[arg-type]


def refusing(*verbs: str, error: type[HostError] = Unsupported) -> Callable[[Action], None]:
    """Return a driver hook that refuses some verbs."""

    def refuse(action: Action) -> None:
        if action.verb.name in verbs:
            raise error(WHY)

    return refuse


def stage_of(host: LiveHost, state: State) -> Stage:
    return Stage(host, state, LIVE_KINDS)


def passes(stage: Stage, wanted: Desired) -> None:
    """Make passes until nothing is left to do."""
    for _ in range(PASSES):
        stage.apply(wanted)
    assert not stage.plan(wanted).actions


def main(directory: Path, refused: str, dies_at: int) -> None:
    state = KillableState.open_with_fuse(directory / "state", dies_at)
    host = LiveHost(directory / "host", step=state.fuse.step, refuses=refusing(*refused.split()))
    passes(stage_of(host, state), guest(AFTER, max_effect=Effect.RESTART))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
