"""Bind a state to one host, and refuse to use the state for another host."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from kvmreconcile.errors import OtherHost
from kvmreconcile.model import Commands, HostId
from kvmreconcile.state.copies import change, rewrite_copy
from kvmreconcile.state.meta import read_host, write_host

_NOT_RESTORED = "if an earlier state was lost, its suspensions are not restored; suspend those objects again"
_TODO = (
    "check the libvirt URI and the state directory; to use this state for the host that libvirt reports now, "
    "for example after a mainboard replacement: {}"
)

_PLAIN = Commands()


class Binding:
    """
    The host that a state belongs to.

    Args:
        using: Returns a context manager that yields the database.
        directory: The state directory.
    """

    def __init__(
        self, using: Callable[[], AbstractContextManager[sqlite3.Connection]], directory: Path
    ) -> None:
        self._using = using
        self._directory = directory

    def host(self) -> HostId | None:
        """Return the host that the state belongs to; None before the first use."""
        with self._using() as database:
            return read_host(database)

    def bind(self, here: HostId) -> None:
        """Bind the state to a host; the binding is on disk when this returns."""
        with self._using() as database, database:
            database.execute("BEGIN IMMEDIATE")
            self._write(database, here)

    def claim(self, here: HostId, uri: str, commands: Commands = _PLAIN) -> None:
        """
        Bind the state to a host if this is the first use, then check the host as `check` does.

        If two processes bind the state to different hosts at once, one of them is refused.
        """
        if self.host() != here:
            with self._using() as database, database:
                database.execute("BEGIN IMMEDIATE")
                if _matches(read_host(database), here):
                    self._write(database, here)
        self.check(here, uri, commands)

    def check(self, here: HostId, uri: str, commands: Commands = _PLAIN) -> None:
        """
        Check that the state belongs to a host.

        Args:
            here: The host that libvirt reports.
            uri: The libvirt URI of the connection, for the message.
            commands: Renders the command that the message suggests.

        Raises:
            OtherHost: The state belongs to another host.
        """
        bound = self.host()
        if bound is None or _matches(bound, here):
            return
        what = f"this state belongs to {bound}, and {uri} is {here}"
        todo = _TODO.format(commands.kvmreconcile("state", "accept"))
        raise OtherHost(f"{self._directory}: {what}; nothing was planned or changed; {todo}")

    def accept(self, here: HostId) -> str:
        """
        Bind the state to a host, and record that no earlier state was lost.

        Returns:
            A message that describes the change.
        """
        with self._using() as database:
            before = change(database, self._directory, lambda b: replace(b, host=here, unproved=False))
        not_restored = f"; {_NOT_RESTORED}" if before.unproved else ""
        if before.host == here:
            return f"the state already belongs to {here}{not_restored}"
        other = "" if _matches(before.host, here) else f", and no longer to {before.host}"
        return f"the state now belongs to {here}{other}{not_restored}"

    def _write(self, database: sqlite3.Connection, here: HostId) -> None:
        write_host(database, here)
        rewrite_copy(database, self._directory)


def _matches(bound: HostId | None, here: HostId) -> bool:
    """Return whether a host may be the bound host, of which the UUID may be unknown."""
    return bound is None or (bound.driver == here.driver and bound.uuid in ("", here.uuid))
