"""Keep which host a state belongs to, and refuse it to any other."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from kvmreconcile.errors import OtherHost
from kvmreconcile.model import Commands, HostId
from kvmreconcile.state.copies import change, renew
from kvmreconcile.state.meta import read_host, write_host

_GIVEN_UP = "if a state was lost before, its suspensions are not restored; suspend those objects again"
_TODO = (
    "check the libvirt URI and the state directory; to use this state for the host that libvirt reports now, "
    "for example after a mainboard replacement: {}"
)

_PLAIN = Commands()


class Binding:
    """
    The host that a state belongs to.

    Args:
        using: Lends the database.
        directory: The state's.
    """

    def __init__(
        self, using: Callable[[], AbstractContextManager[sqlite3.Connection]], directory: Path
    ) -> None:
        self._using = using
        self._directory = directory

    def host(self) -> HostId | None:
        """Return the host that the state belongs to, None before it was first used."""
        with self._using() as database:
            return read_host(database)

    def bind(self, here: HostId) -> None:
        """Write down that the state belongs to a host; it is on disk when this returns."""
        with self._using() as database, database:
            database.execute("BEGIN IMMEDIATE")
            self._write(database, here)

    def claim(self, here: HostId, uri: str, commands: Commands = _PLAIN) -> None:
        """
        Bind the state to a host when it is used for the first time; arguments and errors are those of `check`.

        Of two processes that do so at once, one is refused.
        """
        if self.host() != here:
            with self._using() as database, database:
                database.execute("BEGIN IMMEDIATE")
                if _fits(read_host(database), here):
                    self._write(database, here)
        self.check(here, uri, commands)

    def check(self, here: HostId, uri: str, commands: Commands = _PLAIN) -> None:
        """
        Make sure that a host is the one that the state belongs to.

        Args:
            uri: How the host was reached.
            commands: How the command that helps is called.

        Raises:
            OtherHost: It is another.
        """
        bound = self.host()
        if bound is None or _fits(bound, here):
            return
        what = f"this state belongs to {bound}, and {uri} is {here}"
        todo = _TODO.format(commands.kvmreconcile("state", "accept"))
        raise OtherHost(f"{self._directory}: {what}; nothing is planned or done; {todo}")

    def accept(self, here: HostId) -> str:
        """
        Have the state belong to a host from now on, and any that was lost before it be given up.

        Returns:
            What that changes, in words.
        """
        with self._using() as database:
            before = change(database, self._directory, lambda b: replace(b, host=here, unproved=False))
        given_up = f"; {_GIVEN_UP}" if before.unproved else ""
        if before.host == here:
            return f"the state belongs to {here} already{given_up}"
        other = "" if _fits(before.host, here) else f", and no longer to {before.host}"
        return f"the state belongs to {here} now{other}{given_up}"

    def _write(self, database: sqlite3.Connection, here: HostId) -> None:
        write_host(database, here)
        renew(database, self._directory)


def _fits(bound: HostId | None, here: HostId) -> bool:
    """Tell whether a host can be the one that a state belongs to, whose UUID may be unknown so far."""
    return bound is None or (bound.driver == here.driver and bound.uuid in ("", here.uuid))
