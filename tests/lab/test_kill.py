"""`kill -9` of apply after any of its side effects: the next apply converges to exactly the specs."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import libvirt
import pytest

from tests.lab.guest import GuestFiles
from tests.lab.lab import Lab
from tests.lab.session import POOL, Session

DEMO = Path(__file__).parents[2] / "specs/demo"
NIC = "interfaces:\n    - {name: lan, network: demo}\n"


@pytest.fixture
def session(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> Session:
    """An empty host with the specs of the demo."""
    session = Session(lab, tmp_path)
    shutil.copytree(DEMO, session.specs)
    boot = lab.path / "lib/boot/demo"  # what the specs call /var/lib/libvirt/boot/demo
    boot.mkdir(parents=True, exist_ok=True)
    for file in (guest_files.vmlinuz, guest_files.initrd):
        shutil.copy(file, boot)
    return session


def emptied(session: Session) -> None:
    """Remove all objects and the state."""
    session.lab.reset()
    shutil.rmtree(session.state, ignore_errors=True)


def is_killed(session: Session, after: int, *words: str, status: int = 0) -> bool:
    """
    Apply in a process that is killed after its n-th side effect, and return whether it had that many.

    Args:
        status: The exit status of a process that is not killed.
    """
    command = [
        sys.executable,
        "-m",
        "tests.lab.killed_process",
        str(after),
        *session.words("apply", "--yes", *words),
    ]
    done = subprocess.run(
        [*command, str(session.specs)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **session.settings},
    )
    assert done.returncode in (status, -signal.SIGKILL), done.stderr
    return done.returncode != status


def describe_host(lab: Lab) -> list[str]:
    """Return all that is on the host: active objects, autostart, and every definition."""
    with lab.connect() as virt:
        domains, networks, pools = virt.listAllDomains(), virt.listAllNetworks(), virt.listAllStoragePools()
        for pool in pools:
            # The message about an object just created differs from that about an existing one.
            pool.refresh()
        flags = [
            (each.name(), each.isActive(), each.autostart())
            for kind in (domains, networks, pools)
            for each in kind
        ]
        stored = [d.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) for d in domains]
        stored += [n.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE) for n in networks]
        stored += [p.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE) for p in pools]
        stored += [volume.XMLDesc() for pool in pools for volume in pool.listAllVolumes()]
        return sorted([*map(str, flags), *map(remove_volatile, stored)])


def names(lab: Lab, *words: str) -> list[str]:
    return sorted(lab.virsh(*words, "--name").split())


def remove_volatile(xml: str) -> str:
    """Remove values that differ in each run: times, and the allocation of a file."""
    return re.sub(r"<(timestamps|allocation|available|physical)\b.*?</\1>", "", xml, flags=re.DOTALL)


def kill_after_each_effect(
    session: Session, every: int, prepare: Callable[[Session], None], *words: str
) -> int:
    """Kill apply after every n-th of its side effects, check the next apply, and return the last n."""
    prepare(session)
    session.converge(*words)
    undisturbed = describe_host(session.lab)
    after = 1
    while True:
        prepare(session)
        if not is_killed(session, after, *words):
            break
        session.converge(*words)
        assert describe_host(session.lab) == undisturbed, f"after {after} side effects"
        session.assert_in_sync()
        after += every
    assert describe_host(session.lab) == undisturbed
    return after - every


@pytest.fixture
def every(request: pytest.FixtureRequest) -> int:
    """Return the number of side effects between two kills."""
    return 1 if request.config.getoption("--full") else 5


@pytest.mark.figures
@pytest.mark.timeout(600)
def test_apply_killed_while_it_creates_the_demo_converges_in_the_next_run(
    session: Session, every: int
) -> None:
    # One start covers all that three do, in a third of the time.
    for file in ("web1.yaml", "web2.yaml"):
        session.edit(file, "spec:\n", "spec:\n  state: stopped\n")

    deaths = kill_after_each_effect(session, every, emptied)

    print(f"killed after side effects 1 to {deaths} in steps of {every}")
    assert deaths > 30
    assert names(session.lab, "list") == ["db1"]


@pytest.mark.figures
@pytest.mark.timeout(600)
def test_apply_killed_while_it_updates_and_prunes_converges_in_the_next_run(
    session: Session, every: int
) -> None:
    first = session.directory / "first"
    for file in ("web1.yaml", "web2.yaml", "db1.yaml"):
        session.edit(file, "spec:\n", "spec:\n  state: stopped\n")
    shutil.copytree(session.specs, first)
    session.edit(
        "web1.yaml", NIC, NIC + "    - {name: second, network: demo}\n  title: New\n  autostart: true\n"
    )
    session.edit("db1.yaml", "Database of the demo", "Another")
    session.edit("storage.yaml", "capacity: 128MiB", "capacity: 256MiB")
    session.edit("network.yaml", "ip: 192.0.2.10", "ip: 192.0.2.11")
    (session.specs / "web2.yaml").unlink()

    def as_before(session: Session) -> None:
        emptied(session)
        after = session.directory / "after"
        session.specs.rename(after)
        shutil.copytree(first, session.specs)
        session.converge()
        shutil.rmtree(session.specs)
        after.rename(session.specs)

    deaths = kill_after_each_effect(session, every, as_before, "--prune", "auto")

    print(f"killed after side effects 1 to {deaths} in steps of {every}")
    assert deaths > 10
    assert names(session.lab, "list", "--all") == ["db1", "web1"]


@pytest.mark.case("4a")
@pytest.mark.figures
@pytest.mark.timeout(300)
def test_apply_killed_while_it_changes_the_path_of_a_pool_converges_in_the_next_run(
    lab: Lab, tmp_path: Path
) -> None:
    session, images = Session(lab, tmp_path), lab.path / "images"
    spec = POOL.replace("{path}", "{path}, update: {{maxEffect: restart}}")

    def as_before(session: Session) -> None:
        emptied(session)
        shutil.rmtree(images / "new", ignore_errors=True)
        session.write("pool.yaml", spec.format(path=images / "old"))
        session.converge()
        session.write("pool.yaml", spec.format(path=images / "new"))

    deaths = kill_after_each_effect(session, 1, as_before)

    print(f"killed after each of {deaths} side effects")
    assert deaths > 5
    assert (images / "new").is_dir()


@pytest.mark.timeout(300)
def test_apply_killed_repeatedly_makes_progress_in_each_run(session: Session) -> None:
    emptied(session)
    runs = 1
    while is_killed(session, 9):
        runs += 1
        assert runs < 20

    assert runs > 3
    session.assert_in_sync()
    assert len(names(session.lab, "list")) == 3
