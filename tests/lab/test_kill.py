"""`kill -9` of apply after any of its side effects: the next one ends in what the specs say, no more and no less."""

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
from tests.lab.site import AT_ONCE, POOL, Site

DEMO = Path(__file__).parents[2] / "specs/demo"
NIC = "interfaces:\n    - {name: lan, network: demo}\n"


@pytest.fixture
def site(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> Site:
    """An empty host with the specs of the demo."""
    site = Site(lab, tmp_path)
    shutil.copytree(DEMO, site.specs)
    boot = lab.path / "lib/boot/demo"  # what the specs call /var/lib/libvirt/boot/demo
    boot.mkdir(parents=True, exist_ok=True)
    for file in (guest_files.vmlinuz, guest_files.initrd):
        shutil.copy(file, boot)
    return site


def emptied(site: Site) -> None:
    """Make the host as new, and forget all."""
    site.lab.reset()
    shutil.rmtree(site.state, ignore_errors=True)


def is_killed(site: Site, after: int, *words: str) -> bool:
    """Apply in a process that dies after its n-th side effect, and tell whether it had so many."""
    command = [sys.executable, "-m", "tests.lab.mortal", str(after), *site.words("apply", "--yes", *words)]
    done = subprocess.run(
        [*command, str(site.specs)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **AT_ONCE},
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def picture(lab: Lab) -> list[str]:
    """Return all that is on the host: what is active, what starts with it, and every definition."""
    with lab.connect() as virt:
        domains, networks, pools = virt.listAllDomains(), virt.listAllNetworks(), virt.listAllStoragePools()
        for pool in pools:
            # What was just made is told otherwise than what was found.
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
        return sorted([*map(str, flags), *map(steady, stored)])


def names(lab: Lab, *words: str) -> list[str]:
    return sorted(lab.virsh(*words, "--name").split())


def steady(xml: str) -> str:
    """Leave out what is another in each run: times, and how full a file is."""
    return re.sub(r"<(timestamps|allocation|available|physical)\b.*?</\1>", "", xml, flags=re.DOTALL)


def killed_everywhere(site: Site, every: int, prepare: Callable[[Site], None], *words: str) -> int:
    """Kill apply after every n-th of its side effects, check what the next one does, and return the last killed."""
    prepare(site)
    site.converge(*words)
    undisturbed = picture(site.lab)
    after = 1
    while True:
        prepare(site)
        if not is_killed(site, after, *words):
            break
        site.converge(*words)
        assert picture(site.lab) == undisturbed, f"after {after} side effects"
        site.assert_in_sync()
        after += every
    assert picture(site.lab) == undisturbed
    return after - every


@pytest.fixture
def every(request: pytest.FixtureRequest) -> int:
    """Return how far the side effects are apart after which apply is killed."""
    return 1 if request.config.getoption("--full") else 5


@pytest.mark.figures
@pytest.mark.timeout(600)
def test_killed_while_it_makes_the_demo(site: Site, every: int) -> None:
    # One start shows all that three do, and takes a third of the time.
    for file in ("web1.yaml", "web2.yaml"):
        site.edit(file, "spec:\n", "spec:\n  state: stopped\n")

    deaths = killed_everywhere(site, every, emptied)

    print(f"killed after side effects 1 to {deaths} in steps of {every}")
    assert deaths > 30
    assert names(site.lab, "list") == ["db1"]


@pytest.mark.figures
@pytest.mark.timeout(600)
def test_killed_while_it_changes_and_prunes(site: Site, every: int) -> None:
    first = site.directory / "first"
    for file in ("web1.yaml", "web2.yaml", "db1.yaml"):
        site.edit(file, "spec:\n", "spec:\n  state: stopped\n")
    shutil.copytree(site.specs, first)
    site.edit(
        "web1.yaml", NIC, NIC + "    - {name: second, network: demo}\n  title: New\n  autostart: true\n"
    )
    site.edit("db1.yaml", "Database of the demo", "Another")
    site.edit("storage.yaml", "capacity: 128MiB", "capacity: 256MiB")
    site.edit("network.yaml", "ip: 192.0.2.10", "ip: 192.0.2.11")
    (site.specs / "web2.yaml").unlink()

    def as_before(site: Site) -> None:
        emptied(site)
        after = site.directory / "after"
        site.specs.rename(after)
        shutil.copytree(first, site.specs)
        site.converge()
        shutil.rmtree(site.specs)
        after.rename(site.specs)

    deaths = killed_everywhere(site, every, as_before, "--prune", "auto")

    print(f"killed after side effects 1 to {deaths} in steps of {every}")
    assert deaths > 10
    assert names(site.lab, "list", "--all") == ["db1", "web1"]


@pytest.mark.case("4a")
@pytest.mark.figures
@pytest.mark.timeout(300)
def test_killed_while_a_pool_goes_to_a_new_place(lab: Lab, tmp_path: Path) -> None:
    site, images = Site(lab, tmp_path), lab.path / "images"
    spec = POOL.replace("{path}", "{path}, update: {{maxEffect: restart}}")

    def as_before(site: Site) -> None:
        emptied(site)
        shutil.rmtree(images / "new", ignore_errors=True)
        site.write("pool.yaml", spec.format(path=images / "old"))
        site.converge()
        site.write("pool.yaml", spec.format(path=images / "new"))

    deaths = killed_everywhere(site, 1, as_before)

    print(f"killed after each of {deaths} side effects")
    assert deaths > 5
    assert (images / "new").is_dir()


@pytest.mark.timeout(300)
def test_killed_again_and_again_every_run_comes_further(site: Site) -> None:
    emptied(site)
    runs = 1
    while is_killed(site, 9):
        runs += 1
        assert runs < 20

    assert runs > 3
    site.assert_in_sync()
    assert len(names(site.lab, "list")) == 3
