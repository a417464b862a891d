"""
Read definitions of domains without waiting for a QEMU that hangs.

Since 11.0 libvirt reads a definition only once no other call changes the domain: one that waits for a hanging QEMU
keeps each reader for 30 s (`virDomainObjBeginJob` in `qemuDomainGetXMLDesc`), and with it all that is read after it.
Before, reading waits for nobody.
"""

import time

import libvirt

from kvmreconcile.errors import Busy

_WAITS_SINCE = 11_000_000
_PATIENCE_MS = 1000
_PEEK_S = 0.05


class Definitions:
    """Reads the definitions of any domains of one host."""

    def __init__(self, virt: libvirt.virConnect) -> None:
        self._may_wait = virt.getLibVersion() >= _WAITS_SINCE

    def read(self, domain: libvirt.virDomain, flags: int = 0) -> str:
        """
        Return a definition.

        Raises:
            Busy: The domain's QEMU has kept a call waiting for a second at least.
        """
        if self._may_wait:
            _check_answers(domain)
        return domain.XMLDesc(flags)


def _check_answers(domain: libvirt.virDomain) -> None:
    """Wait until libvirt waits no longer for a domain's QEMU, for a second in all."""
    while (waiting_ms := _waiting_ms(domain)) is not None:
        if waiting_ms >= _PATIENCE_MS:
            raise Busy(
                f"Domain/{domain.name()}: its QEMU has not answered libvirt for {waiting_ms / 1000:.0f} s"
            )
        time.sleep(_PEEK_S)


def _waiting_ms(domain: libvirt.virDomain) -> int | None:
    """Return for how long libvirt has waited for QEMU, None if it does not wait."""
    try:
        # The bindings say that it is a text.
        state, _, milliseconds = map(int, domain.controlInfo())
    except libvirt.libvirtError:
        # It is off, or of a driver without a monitor.
        return None
    return milliseconds if state == libvirt.VIR_DOMAIN_CONTROL_OCCUPIED else None
