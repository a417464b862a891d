"""The connection to an endpoint is opened again and again in one thread, and closed when it is not used any more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from kvmreconcile.daemon.endpoint_keeper import CONNECTING, EndpointKeeper
from kvmreconcile.errors import HostError, Unavailable
from kvmreconcile.host.endpoint import Down, Subscription
from kvmreconcile.model import Key
from tests.waiting import wait_until


@dataclass(eq=False)
class Opened:
    """A connection that remembers whether it was closed."""

    uri: str = "files:///host"
    lost: bool = False
    is_closed: bool = False

    def is_alive(self) -> bool:
        return not self.is_closed

    def subscribe(self, trigger: Callable[[Key], None], events: Mapping[str, Any]) -> Subscription:
        raise NotImplementedError

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Site:
    """An endpoint that fails with the given errors, and then answers."""

    errors: list[Exception] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    changes: int = 0
    stopping: Event = field(default_factory=Event)

    def open(self) -> Opened:
        if self.errors:
            raise self.errors.pop(0)
        self.opened.append(Opened())
        return self.opened[-1]

    def note(self) -> None:
        self.changes += 1

    def keeper(self) -> EndpointKeeper:
        return EndpointKeeper("files", self.open, self.note, self.stopping)


def test_connection_is_opened_again_until_the_endpoint_answers() -> None:
    site = Site([Unavailable("not yet"), Unavailable("not yet")])
    keeper = site.keeper()
    assert keeper.current() == CONNECTING

    keeper.connect()

    wait_until(lambda: not isinstance(keeper.current(), Down), "the connection is opened")
    assert len(site.opened) == 1
    wait_until(lambda: site.changes == 2, "the first failure and the success are reported")


def test_reason_is_known_while_the_endpoint_does_not_answer() -> None:
    site = Site([Unavailable(f"failure {n}") for n in range(100)])
    keeper = site.keeper()

    keeper.connect()

    wait_until(lambda: keeper.current() != CONNECTING, "the first attempt has failed")
    assert isinstance(keeper.current(), Down)
    site.stopping.set()


def test_discarded_connection_is_closed_and_replaced() -> None:
    site = Site()
    keeper = site.keeper()
    keeper.connect()
    wait_until(lambda: not isinstance(keeper.current(), Down), "the connection is opened")

    keeper.discard(Down("it was lost"))

    wait_until(lambda: len(site.opened) == 2, "another connection is opened")
    assert [each.is_closed for each in site.opened] == [True, False]
    keeper.close()
    assert site.opened[1].is_closed


def test_second_request_to_connect_opens_no_second_connection() -> None:
    site, waits = Site(), Event()

    def wait_and_open() -> Opened:
        waits.wait(5)
        return site.open()

    keeper = EndpointKeeper("files", wait_and_open, site.note, site.stopping)

    keeper.connect()
    keeper.connect()
    waits.set()

    wait_until(lambda: not isinstance(keeper.current(), Down), "the connection is opened")
    assert len(site.opened) == 1


@pytest.mark.parametrize("error", [HostError("the URI is invalid"), KeyError("bug")])
def test_error_other_than_unavailable_is_kept_and_not_retried(error: Exception) -> None:
    site = Site([error])
    keeper = site.keeper()

    keeper.connect()

    wait_until(lambda: keeper.failure is error, "the error is kept")
    wait_until(lambda: site.changes == 1, "the error is reported")
    assert site.opened == []


def test_connection_that_is_opened_while_the_daemon_stops_is_closed() -> None:
    site = Site()

    def stop_and_open() -> Opened:
        site.stopping.set()
        return site.open()

    keeper = EndpointKeeper("files", stop_and_open, site.note, site.stopping)

    keeper.connect()

    wait_until(lambda: bool(site.opened) and site.opened[0].is_closed, "the connection is closed")
