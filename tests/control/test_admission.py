"""Limits on connections per user, per address and in total."""

import pytest
from structlog.testing import capture_logs

from kvmreconcile.control.admission import (
    AT_ONCE,
    PER_ADDRESS,
    PER_USER,
    RESERVED,
    ConnectionCounter,
    ConnectionOrigin,
)


def user(number: int, *, is_trusted: bool = False) -> ConnectionOrigin:
    return ConnectionOrigin(number, PER_USER, lambda: is_trusted)


def address(text: str) -> ConnectionOrigin:
    return ConnectionOrigin(text, PER_ADDRESS, lambda: False)


def fill(counter: ConnectionCounter, origin: ConnectionOrigin) -> int:
    """Return how many connections were admitted."""
    count = 0
    while counter.admit(origin):
        count += 1
    return count


@pytest.mark.case("22")
def test_connection_limit_applies_per_user() -> None:
    counter = ConnectionCounter("here")

    assert fill(counter, user(1000)) == PER_USER
    assert fill(counter, user(1001)) == PER_USER


@pytest.mark.case("21")
def test_connection_limit_applies_per_address() -> None:
    counter = ConnectionCounter("here")

    assert fill(counter, address("192.0.2.1")) == PER_ADDRESS
    assert counter.admit(address("192.0.2.2"))


@pytest.mark.case("22")
def test_operator_uses_reserved_connections_when_limit_is_reached() -> None:
    counter = ConnectionCounter("here")
    assert sum(fill(counter, user(number)) for number in range(1000, 1010)) == AT_ONCE

    assert fill(counter, user(0, is_trusted=True)) == RESERVED


def test_closed_connection_frees_its_slot() -> None:
    counter = ConnectionCounter("here")
    fill(counter, user(1000))

    counter.release(user(1000))

    assert fill(counter, user(1000)) == 1


@pytest.mark.case("21")
def test_refused_connections_are_logged_at_most_once_a_minute() -> None:
    now_s = 0.0
    counter = ConnectionCounter("here", clock=lambda: now_s)
    fill(counter, user(1000))

    with capture_logs() as lines:
        for _ in range(1000):
            counter.admit(user(1000))
        now_s = 61.0
        counter.admit(user(1000))

    # The first refusal was logged by `fill`.
    assert [(line["event"], line["refused"]) for line in lines] == [("door.full", 1001)]
