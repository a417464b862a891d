"""Start, shut down, pause and resume guests."""

import time
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any

import libvirt

from kvmreconcile.errors import Busy, HostError, NotFound, Unsupported
from kvmreconcile.host.errors import ensure_state, translated
from kvmreconcile.kinds.domain.calls.definitions import POLL_S, find
from kvmreconcile.kinds.domain.calls.state_reasons import run_state
from kvmreconcile.model import Action, ShutdownBy
from kvmreconcile.model.commands import domain_word, virsh

_ASK_AGAIN_S = 10.0
_SHUTDOWN = {
    ShutdownBy.AGENT: libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
    ShutdownBy.ACPI: libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
    ShutdownBy.EITHER: libvirt.VIR_DOMAIN_SHUTDOWN_DEFAULT,
}
_CANNOT_HEAR = {libvirt.VIR_ERR_OPERATION_INVALID: Busy}
"""libvirt rejects the shutdown of a guest that is paused or crashed. The guest may be resumed in time."""


def _start(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    ensure_state(domain.create, lambda: bool(domain.isActive()))


def stop(virt: libvirt.virConnect, action: Action) -> None:
    """
    Shut a guest down, and wait until it is off.

    After the timeout, the guest is powered off if the spec has `force`. Otherwise the step fails.
    """
    domain, how = find(virt, action), action.policy.lifecycle.shutdown
    deadline = time.monotonic() + (how.timeout_s if how.ways else 0)
    ask_next, ways, why = time.monotonic(), cycle(how.ways), ""
    while _is_running(domain):
        _check_may_end(domain, action)
        if time.monotonic() >= deadline:
            if not how.force:
                waited = f"{how.timeout_s:g} s{why}"
                power_off = virsh(virt.getURI(), "destroy", domain_word(action.key.name, domain.UUIDString()))
                todo = (
                    "shut the guest down from inside (if it is paused, resume it first; if it is "
                    "suspended, wake it first), "
                    f"or power it off: {power_off}"
                )
                # Not Busy, which is retried at once: the guest was asked more than once already.
                raise HostError(
                    f"{action.key}: the guest did not shut down within {waited}; it is still active; {todo}"
                )
            ensure_state(domain.destroy, lambda: not _is_running(domain))
            return
        if time.monotonic() >= ask_next and how.ways:
            why = _ask_to_shut_down(domain, next(ways))
            ask_next = time.monotonic() + _ASK_AGAIN_S
        time.sleep(POLL_S)


def _is_running(domain: libvirt.virDomain) -> bool:
    """
    Return whether a domain is running; False if it no longer exists.

    A transient domain no longer exists after it stopped.
    """
    try:
        with translated(domain.name()):
            return bool(domain.isActive())
    except NotFound:
        return False


def _check_may_end(domain: libvirt.virDomain, action: Action) -> None:
    """
    Raise an error if a guest must not be stopped now.

    This is checked repeatedly until the guest is off, since it may be paused in the meantime.

    Raises:
        Busy: A job such as a save is in progress. A stop would abort the job.
        HostError: The guest is paused, and the action would restart it. Its unwritten data would be lost.
    """
    try:
        with translated(str(action.key)):
            now, is_active = run_state(domain), domain.isActive()
    except NotFound:
        return
    if now.job and is_active:
        raise Busy(f"{action.key}: {now.job}; the next pass or apply after the job replans it")
    if now.state_reason and is_active and not (action.verb.stops or action.verb.removes):
        todo = "resume it, or stop it manually"
        raise HostError(f"{action.key}: {now.state_reason.value}, so it cannot be shut down; {todo}")


def _ask_to_shut_down(domain: libvirt.virDomain, by: ShutdownBy) -> str:
    """Request a shutdown once; return why the request failed, "" if it succeeded."""
    try:
        with translated(domain.name(), _CANNOT_HEAR):
            ensure_state(lambda: domain.shutdownFlags(_SHUTDOWN[by]), lambda: not _is_running(domain))
    except (Busy, Unsupported) as error:
        return f" ({error})"
    return ""


def _restart(virt: libvirt.virConnect, action: Action) -> None:
    stop(virt, action)
    _start(virt, action)


def _start_paused(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    ensure_state(
        lambda: domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED), lambda: bool(domain.isActive())
    )


def _suspend(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    ensure_state(domain.suspend, lambda: _is_paused(domain))


def _resume(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    ensure_state(domain.resume, lambda: not _is_paused(domain))


def _is_paused(domain: libvirt.virDomain) -> bool:
    # libvirt-python's annotations say that both are text; they are numbers.
    state: Any = domain.state()
    return bool(state[0] == libvirt.VIR_DOMAIN_PAUSED)


POWER_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "start": _start,
    "start-paused": _start_paused,
    "stop": stop,
    "restart": _restart,
    "suspend": _suspend,
    "resume": _resume,
}
"""Functions of the verbs that the planner uses."""
