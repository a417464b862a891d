"""Ask libvirt about the host as a whole, also while libvirt is down."""

from dataclasses import dataclass
from typing import Any

from kvmreconcile.errors import Unavailable
from kvmreconcile.host.endpoint import Down
from kvmreconcile.model import Commands, HostId
from kvmreconcile.session.validation import Judge
from kvmreconcile.state import State


@dataclass(frozen=True, slots=True)
class LibvirtAccess:
    """
    The connection to libvirt, if there is one.

    Attributes:
        connection: From `kvmreconcile.host.connection`, or `Down`.
    """

    connection: Any
    state: State
    commands: Commands

    @property
    def is_up(self) -> bool:
        """Whether libvirt could be reached when the session began."""
        return not isinstance(self.connection, Down)

    def is_lost(self) -> bool:
        """Return whether libvirt has stopped answering since the session began."""
        return self.is_up and not self.connection.is_alive()

    def identify(self) -> HostId | None:
        """
        Return the host that libvirt manages, or None if libvirt is down.

        Raises:
            OtherHost: The state belongs to another host.
        """
        if not self.is_up:
            return None
        here: HostId = self.connection.identify()
        self.state.binding.check(here, self.connection.uri, self.commands)
        return here

    def software(self) -> str:
        """Return the versions of libvirt and the hypervisor, or "" if they are unknown."""
        return str(self.connection.software())

    def embedded(self) -> Judge:
        """
        Return libvirt's embedded driver, which validates definitions.

        Raises:
            Unavailable: The result would differ from libvirt's, or libvirt is down.
        """
        if isinstance(self.connection, Down):
            raise Unavailable(self.connection.why)
        judge: Judge = self.connection.embedded()
        return judge
