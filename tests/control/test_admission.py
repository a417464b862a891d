"""Who may connect while others hold as many connections as they can."""

import pytest
from structlog.testing import capture_logs

from kvmreconcile.control.admission import AT_ONCE, PER_ADDRESS, PER_USER, RESERVED, Crowd, Origin


def user(number: int, *, is_trusted: bool = False) -> Origin:
    return Origin(number, PER_USER, lambda: is_trusted)


def address(text: str) -> Origin:
    return Origin(text, PER_ADDRESS, lambda: False)


def fill(crowd: Crowd, origin: Origin) -> int:
    """Return how many connections there was room for."""
    count = 0
    while crowd.enter(origin):
        count += 1
    return count


@pytest.mark.case("22")
def test_user_has_so_many_connections_and_others_have_theirs() -> None:
    crowd = Crowd("here")

    assert fill(crowd, user(1000)) == PER_USER
    assert fill(crowd, user(1001)) == PER_USER


@pytest.mark.case("21")
def test_address_has_so_many_connections_and_others_have_theirs() -> None:
    crowd = Crowd("here")

    assert fill(crowd, address("192.0.2.1")) == PER_ADDRESS
    assert crowd.enter(address("192.0.2.2"))


@pytest.mark.case("22")
def test_operator_is_served_however_many_others_there_are() -> None:
    crowd = Crowd("here")
    assert sum(fill(crowd, user(number)) for number in range(1000, 1010)) == AT_ONCE

    assert fill(crowd, user(0, is_trusted=True)) == RESERVED


def test_place_of_a_connection_that_was_closed_is_free() -> None:
    crowd = Crowd("here")
    fill(crowd, user(1000))

    crowd.leave(user(1000))

    assert fill(crowd, user(1000)) == 1


@pytest.mark.case("21")
def test_refusals_are_logged_once_a_minute() -> None:
    now_s = 0.0
    crowd = Crowd("here", clock=lambda: now_s)
    fill(crowd, user(1000))

    with capture_logs() as lines:
        for _ in range(1000):
            crowd.enter(user(1000))
        now_s = 61.0
        crowd.enter(user(1000))

    # The first was logged while the places were filled.
    assert [(line["event"], line["refused"]) for line in lines] == [("door.full", 1001)]
