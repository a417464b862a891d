"""
A whole emulated host with a kernel of its own: the effects of a reboot, a clock that jumps and a power cut.

The tests depend on each other in this order: each begins with the host as the previous one left it.
"""

from collections.abc import Iterator
from random import Random

import pytest

from tests.host.computer import Computer
from tests.host.site import GUEST, SPECS, Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.timeout(1800), pytest.mark.figures]

VOLUME = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{name: {name}}}
spec: {{pool: images, capacity: 1MiB, format: qcow2}}
"""
GUESTS = 4
CUTS = (1, 6)
"""The numbers of actions after which the power is cut, each time with other guests being created."""
DAY_S = 86_400


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Computer(tmp_path_factory.mktemp("host") / "kvm1") as computer:
        # Doubly emulated, everything is slow.
        yield Site(computer, within_s=600)


def batch(number: int) -> list[str]:
    """Return the names of some guests, and of their volumes."""
    return [f"batch{number}-{guest}" for guest in range(GUESTS)]


def fleet(names: list[str], title: str) -> dict[str, str]:
    """Return specs of guests with a volume each, beside those there are."""
    specs = {}
    for name in names:
        guest = GUEST.replace("web1", name).replace(
            "volume: {pool: images, name: root}", f"volume: {{pool: images, name: {name}}}"
        )
        guest = guest.replace("memory:", f"title: {title}\n  state: stopped\n  memory:")
        specs[f"{name}.yaml"] = "---\n".join([VOLUME.format(name=name), guest])
    return specs


def test_specs_are_in_effect_after_the_host_has_booted(site: Site) -> None:
    print(f"switched on, up in {site.host.power_on():.0f} s")

    print(f"then in sync in {site.wait():.1f} s")
    assert site.host.output("systemctl", "is-system-running") == "running"


def test_specs_of_a_repository_are_converged_over_ssh(site: Site) -> None:
    site.make_repository()
    site.commit(SPECS)

    site.follow_repository()

    print(f"from its start to four objects of a repository, one guest running: {site.wait():.0f} s")
    assert site.virsh("domstate", "web1", "--reason") == "running (booted)"


def test_guest_runs_again_after_reboot(site: Site) -> None:
    site.host.write("/etc/default/libvirt-guests", "ON_SHUTDOWN=shutdown\nSHUTDOWN_TIMEOUT=2\n")
    mark = site.mark()

    print(f"rebooted in {site.host.reboot():.0f} s, in sync {site.wait():.1f} s later")

    # Either libvirt-guests or the daemon starts the guest, depending on how it was shut down.
    assert site.actions(mark) in ([], ["start Domain/web1"])
    assert site.virsh("domstate", "web1") == "running"


@pytest.mark.parametrize("jump_s", [DAY_S, -3 * DAY_S])
def test_drift_is_still_corrected_after_the_clock_jumps(site: Site, jump_s: int) -> None:
    mark, process, guest = site.mark(), site.show("MainPID"), site.guest()

    site.host.run(f"date --set @$(($(date +%s) + {jump_s}))")
    site.virsh("net-destroy", "lan")

    wait_until(lambda: "start Network/lan" in site.actions(mark), "the network is started", 300)
    site.commit({"web1.yaml": GUEST.replace("memory:", f"title: At {jump_s}\n  memory:")})
    site.host.output("systemctl", "reload", "kvmreconcile")
    site.wait()
    assert (site.show("MainPID"), site.guest()) == (process, guest)


@pytest.mark.parametrize("after", CUTS)
def test_host_recovers_from_a_power_cut_during_apply(site: Site, after: int) -> None:
    title = f"Round {Random(after).randrange(1000)}"
    assert isinstance(site.host, Computer)
    with site.host.following("journalctl", "-u", "kvmreconcile", "-f", "-n", "0", "-o", "cat") as log:
        site.commit(fleet(batch(after), title))
        site.host.exec("systemctl", "reload", "--no-block", "kvmreconcile")
        done = 0
        while done < after:
            line = log.readline()
            assert line, "the host has shut down by itself"
            done += line.startswith("action.done ")
        site.host.power_off()

    up_s = site.host.power_on()

    print(f"power cut after {after} steps: up in {up_s:.0f} s, in sync {site.wait():.0f} s later")
    names = [name for cut in CUTS if cut <= after for name in batch(cut)]
    assert sorted(site.virsh("list", "--all", "--name").split()) == [*names, "web1"]
    assert site.volumes() == [*names, "root"]
    # One of them comes with libvirt's own package.
    assert sorted(site.virsh("net-list", "--all", "--name").split()) == ["default", "lan"]
    for name in batch(after):
        assert site.virsh("desc", name, "--title") == title
        site.host.output("qemu-img", "check", f"/var/lib/libvirt/images/{name}")
    assert "\nNothing to do: " in site.host.output("kvmreconcile", "plan")
