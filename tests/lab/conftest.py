"""Fixtures: one lab for the run, emptied before each test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.daemon import Daemon
from tests.lab.guest import GuestFiles, build_guest
from tests.lab.lab import Lab

CRASH_BY_THEMSELVES = {"virtqemud"}
"""virtqemud 9.0 (Debian 12) now and then dies of a segmentation fault when virtnetworkd or virtstoraged is restarted."""


@pytest.fixture(scope="session", autouse=True)
def _root_only() -> None:
    if os.geteuid() == 0:
        return
    # In CI a skipped suite would pass for a successful one.
    if "CI" in os.environ:
        pytest.fail("the lab's tests need root")
    pytest.skip("the lab's tests need root")


@pytest.fixture(scope="session")
def shared_lab() -> Iterator[Lab]:
    """One lab for the whole run; tests ask for `lab` instead, unless they keep state between them."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def lab(shared_lab: Lab) -> Iterator[Lab]:
    """A running lab without any object in it; a daemon that crashes fails the test, unless the test asks for crashes."""
    shared_lab.reset()
    shared_lab.new_crashes()
    yield shared_lab
    assert not set(shared_lab.new_crashes()) - CRASH_BY_THEMSELVES


@pytest.fixture(scope="module")
def second() -> Iterator[Lab]:
    """The lab of a second host; a test that uses it empties it first."""
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def guest_files() -> GuestFiles:
    """The kernel and initrd of the tiny guest."""
    return build_guest()


@pytest.fixture
def daemon(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that is not started yet."""
    boot = lab.path / "lib/boot/demo"
    boot.mkdir(parents=True, exist_ok=True)
    shutil.copy(guest_files.vmlinuz, boot)
    shutil.copy(guest_files.initrd, boot)
    daemon = Daemon(lab, tmp_path)
    yield daemon
    daemon.process.stop()
    print(daemon.process.tail())


@pytest.fixture
def running(daemon: Daemon) -> Daemon:
    """A daemon that has nothing left to do."""
    daemon.start()
    daemon.wait_until_idle()
    return daemon
