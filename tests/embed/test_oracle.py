"""Requests to libvirt's embedded driver do not change the files of guests."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kvmreconcile.errors import Rejected, Unavailable
from kvmreconcile.host.oracle import Oracle
from tests.waiting import wait_until

UUID = "<uuid>11111111-0008-0000-0000-000000000008</uuid>"
GUEST = f"<domain type='qemu'><name>a</name>{UUID}<memory>65536</memory><os>{{}}</os><features><acpi/></features></domain>"
PLAIN = GUEST.format("<type>hvm</type>")


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    with Oracle() as oracle:
        yield oracle


def test_firmware_variables_of_the_guest_are_kept(oracle: Oracle, tmp_path: Path) -> None:
    variables, code = tmp_path / "VARS.fd", tmp_path / "CODE.fd"
    variables.write_text("boot entries")
    code.write_text("firmware")
    firmware = (
        "<type arch='x86_64' machine='q35'>hvm</type>"
        f"<loader readonly='yes' type='pflash'>{code}</loader><nvram>{variables}</nvram>"
    )

    assert str(variables) in oracle.canonical(GUEST.format(firmware))

    assert variables.read_text() == "boot entries"


def test_request_does_not_affect_later_requests(oracle: Oracle) -> None:
    oracle.canonical(PLAIN)
    with pytest.raises(Rejected):
        oracle.canonical(GUEST.format("<type>nonsense</type>"))

    other = PLAIN.replace("000000000008", "000000000009")

    assert "000000000009" in oracle.canonical(other)


@pytest.mark.parametrize(
    ("number", "why"),
    [(signal.SIGKILL, "failed, or is not installed"), (signal.SIGSTOP, "did not answer within 0.5 s")],
)
def test_dead_or_hanging_helper_is_replaced(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, why: str
) -> None:
    first = oracle.canonical(PLAIN)
    monkeypatch.setattr("kvmreconcile.host.oracle._TIMEOUT_S", 0.5)
    assert oracle._helper
    oracle._helper.send_signal(number)

    with pytest.raises(Unavailable, match=why):
        oracle.canonical(PLAIN)
    monkeypatch.undo()

    assert oracle.canonical(PLAIN) == first


@pytest.mark.timeout(30)
@pytest.mark.case("51")
def test_close_does_not_wait_for_a_pending_request() -> None:
    oracle = Oracle()
    oracle.canonical(PLAIN)
    assert oracle._helper
    oracle._helper.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(oracle.canonical, PLAIN)
        wait_until(oracle._lock.locked, "it has asked")

        oracle.close()

        assert isinstance(waiting.exception(10), Unavailable)


def test_helper_that_cannot_be_started_is_unavailable(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")

    with pytest.raises(Unavailable, match="cannot be started: No such file or directory"):
        oracle.canonical(PLAIN)
