"""The agent is controlled by the guest, so its answers are not trusted: invalid ones are reported as such."""

import json

import pytest

from kvmreconcile.errors import Busy, Rejected
from kvmreconcile.kinds.domain.calls.readiness import UNREADABLE, _refusal, addresses

GOOD = [
    {"name": "lo", "ip-addresses": [{"ip-address": "127.0.0.1"}, {"ip-address": "::1"}]},
    {"name": "eth0", "ip-addresses": [{"ip-address": "192.0.2.7"}, {"ip-address": "fe80::1%eth0"}]},
    {"name": "eth1"},
]


def test_only_reachable_addresses_are_returned() -> None:
    assert addresses(GOOD) == ["192.0.2.7"]


@pytest.mark.parametrize(
    "text",
    [
        "5", "null", "[5]", "[[]]", '["eth0"]', '[{"ip-addresses": 5}]', '[{"ip-addresses": null}]', '[{"ip-addresses": [5]}]',
        '[{"ip-addresses": [{}]}]', '[{"ip-addresses": [{"ip-address": "../etc"}]}]', '[{"ip-addresses": [{"ip-address": [1]}]}]',
        '[{"ip-addresses": [{"ip-address": ""}]}]', f'[{{"ip-addresses": [{{"ip-address": "{"9" * 9000}"}}]}}]', "[" * 100_000,
    ],
)  # fmt: skip
def test_invalid_agent_answer_does_not_crash(text: str) -> None:
    with pytest.raises(UNREADABLE):
        addresses(json.loads(text))

    (why,) = _refusal("tcp", lambda: addresses(json.loads(text)))

    assert why == "tcp: the guest agent's reply is invalid"


def test_temporary_agent_error_is_reported_and_other_errors_are_raised() -> None:
    def raising(error: Exception) -> object:
        raise error

    assert list(_refusal("agent", lambda: raising(Busy("it is asleep")))) == ["it is asleep"]
    assert not list(_refusal("agent", lambda: None))
    with pytest.raises(Rejected):
        list(_refusal("agent", lambda: raising(Rejected("it has none"))))
