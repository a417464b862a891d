"""
Read domain definitions without waiting for a QEMU that hangs.

Since version 11.0, libvirt takes the domain's job lock to return a definition. While another call
waits for a hanging QEMU, each reader blocks for up to 30 s (`virDomainObjBeginJob` in
`qemuDomainGetXMLDesc`), which delays the whole observation. Older versions return the definition
without the lock.
"""

import time

import libvirt

from kvmreconcile.errors import Busy

_WAITS_SINCE = 11_000_000
_PATIENCE_MS = 1000
_POLL_S = 0.05


class Definitions:
    """Reads the domain definitions of one host."""

    def __init__(self, virt: libvirt.virConnect) -> None:
        self._may_wait = virt.getLibVersion() >= _WAITS_SINCE

    def read(self, domain: libvirt.virDomain, flags: int = 0) -> str:
        """
        Return a domain's definition in XML.

        Args:
            flags: libvirt's flags VIR_DOMAIN_XML_*.

        Raises:
            Busy: Another call has been waiting for the domain's QEMU for at least a second.
        """
        if self._may_wait:
            _check_answers(domain)
        return domain.XMLDesc(flags)


def _check_answers(domain: libvirt.virDomain) -> None:
    """
    Wait up to one second until no libvirt call is waiting for the domain's QEMU.

    Raises:
        Busy: A call has been waiting for the domain's QEMU for at least a second.
    """
    while (waiting_ms := _waiting_ms(domain)) is not None:
        if waiting_ms >= _PATIENCE_MS:
            raise Busy(f"Domain/{domain.name()}: QEMU has not answered libvirt for {waiting_ms / 1000:.0f} s")
        time.sleep(_POLL_S)


def _waiting_ms(domain: libvirt.virDomain) -> int | None:
    """Return how many milliseconds a libvirt call has been waiting for QEMU, or None."""
    try:
        # The bindings declare the values as text.
        state, _, milliseconds = map(int, domain.controlInfo())
    except libvirt.libvirtError:
        # The domain is shut off, or its driver has no monitor.
        return None
    return milliseconds if state == libvirt.VIR_DOMAIN_CONTROL_OCCUPIED else None
