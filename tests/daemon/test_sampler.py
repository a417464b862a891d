"""What domains use is looked at beside all else, and forgotten where it may no longer be so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

import pytest

from kvmreconcile.daemon.sampler import MISSED, Sampler, sampling
from kvmreconcile.errors import Unavailable
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.metrics import Metrics
from kvmreconcile.settings import Settings
from tests.metrics.story import Daemon

WITHIN_S = 30.0
EACH_S = 0.02


@dataclass
class Libvirt:
    """libvirt's mock, behind a door that can be shut or stuck."""

    shut: bool = False
    stuck: Event = field(default_factory=Event)
    goes_on: Event = field(default_factory=Event)
    now_s: float = 0.0
    opened: list[Connection] = field(default_factory=list)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        if self.shut:
            raise Unavailable("nobody answers")
        with connect("test:///default") as connection:
            self.opened.append(connection)
            yield connection

    @contextmanager
    def hang(self) -> Iterator[Connection]:
        self.stuck.set()
        self.goes_on.wait(WITHIN_S)
        raise Unavailable("gave up")
        yield  # it never gets so far

    def sampler(self, each_s: float = EACH_S) -> Sampler:
        return Sampler(self.connect, each_s, lambda: self.now_s)


@pytest.fixture
def virt() -> Libvirt:
    return Libvirt()


def test_it_looks_again_and_again_by_one_connection(virt: Libvirt) -> None:
    with virt.sampler() as sampler:
        wait(lambda: sampler.newest() is not None)
        virt.opened[0].virt.lookupByName("test").destroy()

        wait(lambda: not running(sampler))

    assert len(virt.opened) == 1


def test_nothing_is_told_while_libvirt_is_gone_and_anew_when_it_is_back(
    virt: Libvirt, capsys: pytest.CaptureFixture[str]
) -> None:
    with virt.sampler() as sampler:
        wait(lambda: running(sampler))
        virt.shut = True
        virt.opened[0].virt.close()
        wait(lambda: sampler.newest() is None)
        virt.shut = False

        wait(lambda: running(sampler))

    assert len(virt.opened) == 2
    assert "statistics.failed" in capsys.readouterr().out


def test_long_absence_of_libvirt_is_logged_once(virt: Libvirt, capsys: pytest.CaptureFixture[str]) -> None:
    virt.shut = True
    tries = 0

    @contextmanager
    def count() -> Iterator[Connection]:
        nonlocal tries
        tries += 1
        with virt.connect() as connection:
            yield connection

    with Sampler(count, EACH_S, lambda: 0.0):
        wait(lambda: tries > 3)

    assert capsys.readouterr().out.count("statistics.failed") == 1


def test_what_is_too_old_is_no_longer_told(virt: Libvirt) -> None:
    with virt.sampler(each_s=1000.0) as sampler:
        wait(lambda: running(sampler))

        virt.now_s = MISSED * 1000.0
        assert sampler.newest() is not None
        virt.now_s += 1
        assert sampler.newest() is None


def test_nobody_waits_for_a_libvirt_that_hangs(virt: Libvirt) -> None:
    with Sampler(virt.hang, EACH_S, lambda: 0.0) as sampler:
        assert virt.stuck.wait(WITHIN_S)

        assert sampler.newest() is None

    virt.goes_on.set()


def test_libvirt_is_asked_only_if_the_settings_say_so() -> None:
    daemon = Daemon()

    with sampling(Settings(connect="test:///default"), daemon.metrics):
        assert not is_told(daemon.metrics, "libvirt_up")
    asked = Settings.model_validate({"connect": "test:///default", "metrics": {"domains": True}})
    with sampling(asked, daemon.metrics):
        wait(lambda: is_told(daemon.metrics, "libvirt_up 1.0"))

        assert is_told(daemon.metrics, 'libvirt_domain_info_state{domain="test",')


def is_told(metrics: Metrics, text: str) -> bool:
    return any(line.startswith(text) for line in metrics.render().decode().splitlines())


def running(sampler: Sampler) -> bool:
    return [each.numbers["state.state"] for each in sampler.newest() or ()] == [1]


def wait(is_so: Callable[[], bool]) -> None:
    waited = Event()
    for _ in range(int(WITHIN_S / 0.01)):
        if is_so():
            return
        waited.wait(0.01)
    raise AssertionError
