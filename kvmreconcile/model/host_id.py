"""Identify the host that a libvirt connection leads to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostId:
    """
    The host and the libvirt driver that manages it.

    Attributes:
        uuid: The host's UUID, "" where libvirt reports none.
        driver: The driver and what it manages, such as "qemu:///system"; two drivers of one host manage different
            objects.
    """

    uuid: str
    driver: str

    def __str__(self) -> str:
        """Return the text for messages."""
        return f"host UUID {self.uuid or 'unknown'} ({self.driver})"
