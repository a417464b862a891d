"""Identify the host that a libvirt connection leads to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostId:
    """
    The host and the libvirt driver that manages it.

    Attributes:
        uuid: The host's UUID; "" if libvirt reports none.
        driver: The libvirt driver and its mode, such as "qemu:///system". Two drivers on one host manage
            different objects.
    """

    uuid: str
    driver: str

    def __str__(self) -> str:
        """Return the host and its driver as text for messages."""
        return f"host UUID {self.uuid or 'unknown'} ({self.driver})"
