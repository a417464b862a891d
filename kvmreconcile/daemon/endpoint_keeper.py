"""Keep the connection to one endpoint: open it in a thread of its own, and open it again when it is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from kvmreconcile.errors import Unavailable
from kvmreconcile.events.attempts import AttemptResult
from kvmreconcile.host.endpoint import Down, Endpoint
from kvmreconcile.reconcile.backoff import delay_s

LONGEST_S = 10.0
"""The longest delay before connecting again."""
CONNECTING = Down("no connection has been established yet")


@dataclass(slots=True, eq=False)
class EndpointKeeper:
    """
    The connection to one endpoint.

    Attributes:
        open_one: Opens a connection; may block for long.
        changed: Called, by the thread that connects, when a connection is established or first fails.
        stopping: Once set, no connection is opened.
        failure: The exception other than Unavailable that opening a connection raised: it cannot be opened.
    """

    name: str
    open_one: Callable[[], Endpoint]
    changed: Callable[[], None]
    stopping: Event
    failure: Exception | None = None
    _current: Endpoint | Down = CONNECTING
    _is_connecting: bool = False
    _lock: Lock = field(default_factory=Lock)

    def connect(self) -> None:
        """Begin to connect, unless that is under way; returns at once."""
        with self._lock:
            if self._is_connecting:
                return
            self._is_connecting = True
        Thread(target=self._connect, name=f"connect-{self.name}", daemon=True).start()

    def current(self) -> Endpoint | Down:
        """Return the connection, or why there is none."""
        with self._lock:
            return self._current

    def discard(self, why: Down) -> None:
        """Close the connection, and begin to connect again."""
        self._replace(why)
        self.connect()

    def close(self) -> None:
        """Close the connection."""
        self._replace(CONNECTING)

    def _replace(self, new: Endpoint | Down) -> None:
        with self._lock:
            before, self._current = self._current, new
        if not isinstance(before, Down):
            before.close()

    def _connect(self) -> None:
        try:
            self._connect_repeatedly()
        except Exception as error:  # noqa: BLE001  the thread that makes passes handles it
            self.failure = error
            self._replace(Down(f"it cannot be opened: {error}"))
        finally:
            with self._lock:
                self._is_connecting = False
        if self.stopping.is_set():
            self.close()
        self.changed()

    def _connect_repeatedly(self) -> None:
        """Try to connect until that succeeds or the daemon stops."""
        attempts = 0
        while not self.stopping.is_set():
            try:
                self._replace(self.open_one())
            except Unavailable as error:
                attempts += 1
                self._replace(Down(str(error)))
                if attempts == 1:
                    self.changed()
                self.stopping.wait(min(delay_s(AttemptResult.PASSING, attempts) / 4, LONGEST_S))
            else:
                return
