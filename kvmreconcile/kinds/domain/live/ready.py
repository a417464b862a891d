"""
Whether a guest does its work: one look, which never takes long.

Separate from power, because a guest that runs may be far from that. How often to look, and for how long, is the
business of who asks.
"""

import json
from collections.abc import Callable, Iterator, Mapping

import libvirt
import libvirt_qemu

from kvmreconcile.errors import Busy, HostError, NotYet
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.domain.live.definitions import find
from kvmreconcile.model import Action, Ready

_ANSWER_S = 5
"""How long one question to the agent may take; libvirt's default is for ever."""


def _ready(virt: libvirt.virConnect, action: Action) -> None:
    """
    Look once.

    Raises:
        NotYet: Something that is named does not hold; says what, and what it answered.
    """
    domain, wanted = find(virt, action), action.policy.ready
    if wanted is None:
        return
    if not domain.isActive():
        raise NotYet(f"{action.key}: the guest went off before it was ready", 0)
    why = next(_lacks(domain, wanted), "")
    if why:
        raise NotYet(f"{action.key}: not ready within {wanted.timeout_s:g} s: {why}", wanted.timeout_s)


def _lacks(domain: libvirt.virDomain, wanted: Ready) -> Iterator[str]:
    """Yield what does not hold, what is cheaper to ask first; nothing is asked that nobody wants to know."""
    if wanted.agent:
        yield from _refusal("agent", lambda: _ask_agent(domain, "guest-ping"))


def _refusal(check: str, ask: Callable[[], object]) -> Iterator[str]:
    """Yield why a check does not hold, if it fails in a way that may pass."""
    try:
        with translated(check):
            ask()
    except HostError as error:
        if type(error) not in (HostError, Busy):
            raise
        yield str(error)


def _ask_agent(domain: libvirt.virDomain, command: str, **arguments: object) -> object:
    """Return the guest agent's answer to one command."""
    request = json.dumps({"execute": command, "arguments": arguments})
    return json.loads(libvirt_qemu.qemuAgentCommand(domain, request, _ANSWER_S, 0))["return"]


READY_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {"ready": _ready}
"""What the planner names, by the verb's name."""
