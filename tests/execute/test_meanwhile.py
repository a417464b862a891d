"""Another client does what an action should do between the check and the call."""

from collections.abc import Callable
from typing import Any

import libvirt
import pytest

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Action, Key, Lifecycle, Policy, Reason, ShutdownBy, ShutdownPolicy
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect, parse
from tests.mock import OWN

DRIVERS = {kind.name: kind.driver() for kind in KINDS}
DEFINITIONS = {
    "Domain": "<domain type='test'><name>it</name><memory>65536</memory><os><type>hvm</type></os></domain>",
    "Network": "<network><name>it</name></network>",
    "StoragePool": "<pool type='dir'><name>it</name><target><path>/it</path></target></pool>",
}
CLASSES: dict[str, Any] = {
    "Domain": libvirt.virDomain,
    "Network": libvirt.virNetwork,
    "StoragePool": libvirt.virStoragePool,
}
BUTTON = Policy(lifecycle=Lifecycle(shutdown=ShutdownPolicy((ShutdownBy.ACPI,), timeout_s=5)))
FORCED = Policy(lifecycle=Lifecycle(shutdown=ShutdownPolicy(ways=(), force=True)))


def defined(virt: libvirt.virConnect, kind: str, *, active: bool) -> Any:
    define: dict[str, Callable[[str], Any]] = {
        "Domain": virt.defineXML,
        "Network": virt.networkDefineXML,
        "StoragePool": virt.storagePoolDefineXML,
    }
    it = define[kind](DEFINITIONS[kind])
    if active:
        it.create()
    return it


def late(monkeypatch: pytest.MonkeyPatch, kind: str, method: str, answer: object) -> None:
    """Let libvirt's first answer to a query be outdated."""
    truly, answers = getattr(CLASSES[kind], method), [answer]
    monkeypatch.setattr(
        CLASSES[kind], method, lambda it, *args: answers.pop() if answers else truly(it, *args)
    )


def step(kind: str, verb: str, policy: Policy) -> Action:
    tree = parse(DEFINITIONS[kind])
    return Action(Key(kind, "it"), verb_of(verb), Effect.LIVE, Reason.EDIT, tree=tree, policy=policy)


@pytest.mark.parametrize(
    ("kind", "verb", "policy", "is_active"),
    [
        *((kind, "start", BUTTON, True) for kind in DEFINITIONS),
        ("Domain", "start-paused", BUTTON, True),
        *((kind, "stop", BUTTON, False) for kind in DEFINITIONS),
        ("Domain", "stop", FORCED, False),
        ("Domain", "restart", BUTTON, False),
        ("Domain", "restart", FORCED, False),
        ("Network", "restart", BUTTON, False),
    ],
)
def test_action_that_another_client_performed_first_succeeds(
    monkeypatch: pytest.MonkeyPatch, kind: str, verb: str, policy: Policy, *, is_active: bool
) -> None:
    with connect(OWN) as connection:
        it = defined(connection.virt, kind, active=is_active)
        late(monkeypatch, kind, "isActive", 0 if is_active else 1)

        DRIVERS[kind].perform(connection, step(kind, verb, policy))

        assert bool(it.isActive()) is (verb != "stop")


@pytest.mark.parametrize(("verb", "state"), [("suspend", "paused"), ("resume", "running")])
def test_guest_that_another_client_paused_or_resumed_first_succeeds(
    monkeypatch: pytest.MonkeyPatch, verb: str, state: str
) -> None:
    numbers = {"running": libvirt.VIR_DOMAIN_RUNNING, "paused": libvirt.VIR_DOMAIN_PAUSED}
    with connect(OWN) as connection:
        it = defined(connection.virt, "Domain", active=True)
        if state == "paused":
            it.suspend()
        late(monkeypatch, "Domain", "state", [numbers["running" if state == "paused" else "paused"], 0])

        DRIVERS["Domain"].perform(connection, step("Domain", verb, BUTTON))

        assert it.state()[0] == numbers[state]


def test_action_that_is_invalid_for_another_reason_fails() -> None:
    with connect(OWN) as connection:
        defined(connection.virt, "Domain", active=False)

        with pytest.raises(HostError, match="not running"):
            DRIVERS["Domain"].perform(connection, step("Domain", "suspend", BUTTON))
