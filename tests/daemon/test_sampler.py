"""The usage of domains is sampled in parallel with passes, and outdated samples are dropped."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

import pytest

from kvmreconcile.daemon.sampler import AT_ONCE, MAX_MISSED, Sampler, sample_domains
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
    libvirt's test driver, which can be unavailable, and to which the first connections can hang.

    Attributes:
        now_s: The fixed time of the clock; None means the real time.
    """

    unavailable: bool = False
    hanging: int = 0
    resume: Event = field(default_factory=Event)
    hanging_calls: list[int] = field(default_factory=list)
    opened: list[Connection] = field(default_factory=list)
    now_s: float | None = 0.0
    ticks: int = 0
    attempts: int = 0

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        self.attempts += 1
        if self.hanging:
            self.hanging -= 1
            self.hanging_calls.append(self.hanging)
            self.resume.wait(WITHIN_S)
            self.hanging_calls.pop()
            raise Unavailable("gave up")
        if self.unavailable:
            raise Unavailable("no answer")
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


def test_samples_are_repeated_over_one_connection(virt: Libvirt) -> None:
    with virt.sampler() as sampler:
        wait_until(lambda: sampler.newest() is not None)
        virt.opened[0].virt.lookupByName("test").destroy()

        wait_until(lambda: not running(sampler))

    assert len(virt.opened) == 1


def test_no_sample_while_libvirt_is_unavailable(virt: Libvirt, capsys: pytest.CaptureFixture[str]) -> None:
    with virt.sampler() as sampler:
        wait_until(lambda: running(sampler))
        virt.unavailable = True
        virt.opened[0].virt.close()
        wait_until(lambda: sampler.newest() is None)
        virt.unavailable = False

        wait_until(lambda: running(sampler))

    assert len(virt.opened) == 2
    assert "statistics.failed" in capsys.readouterr().out


def test_unavailable_libvirt_is_logged_once(virt: Libvirt, capsys: pytest.CaptureFixture[str]) -> None:
    virt.unavailable = True

    with virt.sampler():
        wait_until(lambda: virt.attempts > 3)

    assert capsys.readouterr().out.count("statistics.failed") == 1


def test_sample_that_is_too_old_is_dropped(virt: Libvirt) -> None:
    with virt.sampler(each_s=1000.0) as sampler:
        wait_until(lambda: running(sampler))

        virt.now_s = MAX_MISSED * 1000.0
        assert sampler.newest() is not None
        virt.now_s += 1
        assert sampler.newest() is None


def test_hanging_queries_are_limited_and_block_nothing(virt: Libvirt) -> None:
    virt.hanging, virt.now_s = AT_ONCE + 2, None

    with virt.sampler() as sampler:
        wait_until(lambda: len(virt.hanging_calls) == AT_ONCE)
        ticks = virt.ticks
        wait_until(lambda: virt.ticks > ticks + 5)

        assert sampler.newest() is None
        assert len(virt.hanging_calls) == AT_ONCE

    virt.resume.set()


def test_hanging_query_is_replaced_by_a_new_query(virt: Libvirt) -> None:
    virt.hanging, virt.now_s = 1, None

    with virt.sampler() as sampler:
        wait_until(lambda: running(sampler))
        assert len(virt.hanging_calls) == 1
        virt.resume.set()
        wait_until(lambda: not virt.hanging_calls)

        wait_until(lambda: running(sampler))


def test_domains_are_sampled_only_if_enabled() -> None:
    daemon = Daemon()

    with sample_domains(Settings(connect=OWN), daemon.metrics):
        assert not is_rendered(daemon.metrics, "libvirt_up")
    enabled = Settings.model_validate({"connect": OWN, "metrics": {"domains": True}})
    with sample_domains(enabled, daemon.metrics):
        wait_until(lambda: is_rendered(daemon.metrics, "libvirt_up 1.0"))

        assert is_rendered(daemon.metrics, 'libvirt_domain_info_state{domain="test",')


def is_rendered(metrics: Metrics, text: str) -> bool:
    return any(line.startswith(text) for line in metrics.render().decode().splitlines())


def running(sampler: Sampler) -> bool:
    return [each.numbers["state.state"] for each in sampler.newest() or ()] == [1]
