"""
Check once, within a few seconds, whether a guest is ready.

The caller decides how often and for how long to check.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

import libvirt
import libvirt_qemu

from kvmreconcile.errors import Busy, HostError, NotYet
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.domain.calls.definitions import POLL_S, find
from kvmreconcile.model import Action, Ready

_ANSWER_S = 5
"""Timeout of one request to the agent; libvirt's default is none."""
_COMMAND_S = 5.0
_CONNECT_S = 2.0
_TRIED = 4
"""Maximum number of addresses of a guest to connect to."""
_LEASES = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE


def _ready(virt: libvirt.virConnect, action: Action) -> None:
    """
    Check a guest's readiness conditions once.

    Raises:
        NotYet: A condition is not met. The message contains the condition and its result.
    """
    domain, wanted = find(virt, action), action.policy.lifecycle.ready
    if wanted is None:
        return
    if not domain.isActive():
        raise NotYet(f"{action.key}: the guest stopped before it was ready", 0, "it is off")
    why = next(_lacks(domain, wanted), "")
    if why:
        message = f"{action.key}: not ready within {wanted.timeout_s:g} s: {why}"
        raise NotYet(message, wanted.timeout_s - wanted.delay_s, why)


def _lacks(domain: libvirt.virDomain, wanted: Ready) -> Iterator[str]:
    """Yield why each unmet condition of the spec is not met, cheapest checks first."""
    if wanted.lease:
        yield from _refusal("lease", lambda: _have_lease(domain))
    if wanted.agent:
        yield from _refusal("agent", lambda: _ask_agent(domain, "guest-ping"))
    if (port := wanted.port) is not None:
        yield from _refusal("tcp", lambda: _reach(domain, port, wanted.address))
    if wanted.command:
        yield from _refusal("command", lambda: _run(domain, wanted.command))


def _refusal(check: str, ask: Callable[[], object]) -> Iterator[str]:
    """
    Yield why a check fails; raise an error if the failure cannot be temporary.

    Args:
        check: Name of the check, for messages.
        ask: Performs the check. Raises an exception if the condition is not met.
    """
    try:
        with translated(check):
            ask()
    except HostError as error:
        if type(error) not in (HostError, Busy):
            raise
        yield str(error)
    except UNREADABLE:
        yield f"{check}: the guest agent's reply is invalid"


UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""Exceptions raised for invalid replies of the guest agent, which the guest controls."""


def _ask_agent(domain: libvirt.virDomain, command: str, **arguments: object) -> Any:
    """Return the guest agent's reply to one command."""
    request = json.dumps({"execute": command, "arguments": arguments})
    return json.loads(libvirt_qemu.qemuAgentCommand(domain, request, _ANSWER_S, 0))["return"]


def _reach(domain: libvirt.virDomain, port: int, address: str) -> None:
    """
    Connect to a TCP port of the guest, and close the connection.

    Args:
        address: Address of the guest; if empty, leased or reported addresses are tried.
    """
    addresses = [address] if address else _leased_addresses(domain) or _reported_addresses(domain)
    todo = 'if this persists, set "ready.tcp.address"'
    why = f"tcp: neither a DHCP lease nor the guest agent reports the guest's address; {todo}"
    for each in addresses[:_TRIED]:
        try:
            socket.create_connection((each, port), _CONNECT_S).close()
        except OSError as error:
            why = f"tcp: {each} port {port}: {error.strerror or error}"
        else:
            return
    raise HostError(why)


def _have_lease(domain: libvirt.virDomain) -> None:
    if not _leased_addresses(domain):
        raise HostError("lease: no DHCP lease from a libvirt network")


def _leased_addresses(domain: libvirt.virDomain) -> list[str]:
    """Return the addresses that libvirt's networks have leased to a guest."""
    # libvirt-python's annotations call it a text; it is a mapping by the names of interfaces.
    nics: Any = domain.interfaceAddresses(_LEASES, 0)
    return [address["addr"] for nic in nics.values() for address in nic["addrs"] or ()]


def _reported_addresses(domain: libvirt.virDomain) -> list[str]:
    """Return the reachable addresses of a guest that its agent reports."""
    return addresses(_ask_agent(domain, "guest-network-get-interfaces"))


def addresses(nics: Any) -> list[str]:
    """
    Return the guest's addresses in a reply of the guest agent, except loopback and link-local addresses.

    Raises:
        LookupError: The reply is invalid. The other classes in `UNREADABLE` have the same meaning.
    """
    found = [ip_address(address["ip-address"]) for nic in nics for address in nic.get("ip-addresses", ())]
    return [str(a) for a in found if not (a.is_loopback or a.is_link_local)]


def _run(domain: libvirt.virDomain, command: tuple[str, ...]) -> None:
    """Run a program in the guest, and check its exit status. Its output is ignored."""
    path, *arguments = command
    number = _ask_agent(domain, "guest-exec", path=path, arg=arguments)["pid"]
    deadline = time.monotonic() + _COMMAND_S
    while not (status := _ask_agent(domain, "guest-exec-status", pid=number))["exited"]:
        if time.monotonic() >= deadline:
            raise HostError(f"command: {path} did not finish within {_COMMAND_S:g} s")
        time.sleep(POLL_S)
    if status.get("exitcode") != 0:
        word, name = ("exit status", "exitcode") if "exitcode" in status else ("signal", "signal")
        how = f"{word} {int(status[name]):d}"
        raise HostError(f"command: {path} ended with {how}")


READY_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {"ready": _ready}
"""Functions of the verbs that the planner uses."""
