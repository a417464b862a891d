"""What domains use is looked at beside all else, and forgotten where it may no longer be so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

import pytest

from kvmreconcile.daemon.sampler import AT_ONCE, MISSED, Sampler, sampling
from kvmreconcile.errors import Unavailable
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.metrics import Metrics
from kvmreconcile.settings.settings import Settings
from tests.metrics.story import Daemon
from tests.mock import OWN
from tests.waiting import wait_until

WITHIN_S = 30.0
EACH_S = 0.02


@dataclass
class Libvirt:
    """
    libvirt's mock, behind a door that can be shut, and at which the first ones hang.

    Attributes:
        now_s: The time, which stands still unless it is None.
    """

    shut: bool = False
    hanging: int = 0
    goes_on: Event = field(default_factory=Event)
    stuck: list[int] = field(default_factory=list)
    opened: list[Connection] = field(default_factory=list)
    now_s: float | None = 0.0
    ticks: int = 0
    tries: int = 0

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        self.tries += 1
        if self.hanging:
            self.hanging -= 1
            self.stuck.append(self.hanging)
            self.goes_on.wait(WITHIN_S)
            self.stuck.pop()
            raise Unavailable("gave up")
        if self.shut:
            raise Unavailable("nobody answers")
        with connect(OWN) as connection:
            self.opened.append(connection)
            yield connection

    def clock(self) -> float:
        self.ticks += 1
        return time.monotonic() if self.now_s is None else self.now_s

    def sampler(self, each_s: float = EACH_S) -> Sampler:
        return Sampler(self.connect, each_s, self.clock)


@pytest.fixture
def virt() -> Libvirt:
    return Libvirt()


def test_it_looks_again_and_again_by_one_connection(virt: Libvirt) -> None:
    with virt.sampler() as sampler:
        wait_until(lambda: sampler.newest() is not None)
        virt.opened[0].virt.lookupByName("test").destroy()

        wait_until(lambda: not running(sampler))

    assert len(virt.opened) == 1


def test_nothing_is_told_while_libvirt_is_gone_and_anew_when_it_is_back(
    virt: Libvirt, capsys: pytest.CaptureFixture[str]
) -> None:
    with virt.sampler() as sampler:
        wait_until(lambda: running(sampler))
        virt.shut = True
        virt.opened[0].virt.close()
        wait_until(lambda: sampler.newest() is None)
        virt.shut = False

        wait_until(lambda: running(sampler))

    assert len(virt.opened) == 2
    assert "statistics.failed" in capsys.readouterr().out


def test_long_absence_of_libvirt_is_logged_once(virt: Libvirt, capsys: pytest.CaptureFixture[str]) -> None:
    virt.shut = True

    with virt.sampler():
        wait_until(lambda: virt.tries > 3)

    assert capsys.readouterr().out.count("statistics.failed") == 1


def test_what_is_too_old_is_no_longer_told(virt: Libvirt) -> None:
    with virt.sampler(each_s=1000.0) as sampler:
        wait_until(lambda: running(sampler))

        virt.now_s = MISSED * 1000.0
        assert sampler.newest() is not None
        virt.now_s += 1
        assert sampler.newest() is None


def test_nobody_waits_for_a_libvirt_that_hangs(virt: Libvirt) -> None:
    virt.hanging, virt.now_s = AT_ONCE + 2, None

    with virt.sampler() as sampler:
        wait_until(lambda: len(virt.stuck) == AT_ONCE)
        ticks = virt.ticks
        wait_until(lambda: virt.ticks > ticks + 5)

        assert sampler.newest() is None
        assert len(virt.stuck) == AT_ONCE

    virt.goes_on.set()


def test_look_that_hangs_is_left_to_it_and_another_made(virt: Libvirt) -> None:
    virt.hanging, virt.now_s = 1, None

    with virt.sampler() as sampler:
        wait_until(lambda: running(sampler))
        assert len(virt.stuck) == 1
        virt.goes_on.set()
        wait_until(lambda: not virt.stuck)

        wait_until(lambda: running(sampler))


def test_libvirt_is_asked_only_if_the_settings_say_so() -> None:
    daemon = Daemon()

    with sampling(Settings(connect=OWN), daemon.metrics):
        assert not is_told(daemon.metrics, "libvirt_up")
    asked = Settings.model_validate({"connect": OWN, "metrics": {"domains": True}})
    with sampling(asked, daemon.metrics):
        wait_until(lambda: is_told(daemon.metrics, "libvirt_up 1.0"))

        assert is_told(daemon.metrics, 'libvirt_domain_info_state{domain="test",')


def is_told(metrics: Metrics, text: str) -> bool:
    return any(line.startswith(text) for line in metrics.render().decode().splitlines())


def running(sampler: Sampler) -> bool:
    return [each.numbers["state.state"] for each in sampler.newest() or ()] == [1]
