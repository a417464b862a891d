"""
A minimal Debian with systemd and a clone: installed as README says, then reboots, failures, upgrade and removal.

The tests depend on each other in this order: each begins with the host as the previous one left it.
"""

import re
import time
from collections.abc import Iterator

import pytest

from tests.host.machine import ROOT, Machine
from tests.host.site import GUEST, IMAGE, POOL, SPECS, Site
from tests.processes import signal_script
from tests.waiting import wait_until

pytestmark = [pytest.mark.timeout(600), pytest.mark.figures]

INSTANCE = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {name: second}
spec: {path: /var/lib/libvirt/second}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Machine(tmp_path_factory.mktemp("host") / "kvm1") as machine:
        yield Site(machine)


def blocks(page: str, heading: str) -> list[str]:
    """Return the commands under a heading of a page."""
    text = (ROOT / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def install(site: Site) -> float:
    (command,) = blocks("README.md", "Install")
    begin_s = time.monotonic()
    site.host.run(command)
    return time.monotonic() - begin_s


def test_service_runs_after_installation_as_in_the_readme(site: Site) -> None:
    print(f"installed on a bare Debian in {install(site):.0f} s")

    site.wait()
    assert site.host.output("kvmreconcile", "plan").endswith("\n\nNothing to do: no objects.")
    assert site.host.output("systemctl", "is-enabled", "kvmreconcile") == "enabled"
    assert site.show("User") == "kvmreconcile"


def test_repeated_installation_changes_nothing_and_needs_no_network(site: Site) -> None:
    before = site.show("MainPID")
    site.host.write("/etc/resolv.conf", "")

    print(f"and once more in {install(site):.1f} s")

    assert site.show("MainPID") == before


def test_specs_of_a_repository_are_converged_over_ssh(site: Site) -> None:
    site.make_repository()
    site.commit(SPECS)

    site.follow_repository()

    took_s = site.wait()
    print(f"from its start to four objects of a repository, one guest running: {took_s:.1f} s")
    assert site.virsh("domstate", "web1") == "running"
    assert site.host.output("cat", "/var/lib/libvirt/images/root") == IMAGE
    process = site.show("MainPID")
    assert "CapEff:\t0000000000000000" in site.host.output("cat", f"/proc/{process}/status")


def test_reload_of_the_service_applies_a_new_commit(site: Site) -> None:
    site.commit({"web1.yaml": GUEST.replace("memory:", "title: Mended\n  memory:")})
    before = site.guest()

    site.host.output("systemctl", "reload", "kvmreconcile")

    print(f"from reload to converged: {site.wait():.1f} s")
    assert site.virsh("desc", "web1", "--title") == "Mended"
    assert site.guest() == before


def test_status_is_readable_by_root_and_members_of_a_group(site: Site) -> None:
    site.host.run("useradd --system --groups kvmreconcile member; useradd --system stranger")

    for who in ("root", "member"):
        assert "Domain/web1" in site.host.output("runuser", "-u", who, "--", "kvmreconcile", "status")
    assert site.host.exec("runuser", "-u", "stranger", "--", "kvmreconcile", "status").returncode == 1

    site.host.run(
        "echo 'control: {group: libvirt}' >>/etc/kvmreconcile/kvmreconcile.yaml; systemctl restart kvmreconcile"
    )
    site.wait()
    assert site.host.output("stat", "-c", "%U %G", "/run/kvmreconcile/control.sock") == "kvmreconcile libvirt"


def test_restart_of_the_service_changes_nothing(site: Site) -> None:
    mark, before = site.mark(), site.guest()
    begin_s = time.monotonic()

    site.host.output("systemctl", "restart", "kvmreconcile")

    site.wait()
    print(f"restarted and in sync in {time.monotonic() - begin_s:.1f} s")
    assert (site.actions(mark), site.guest()) == ([], before)


def test_killed_service_is_started_again(site: Site) -> None:
    mark, before, process = site.mark(), site.guest(), site.show("MainPID")

    site.host.output("systemctl", "kill", "--signal=KILL", "kvmreconcile")

    begin_s = time.monotonic()
    wait_until(lambda: site.show("MainPID") not in (process, "0"), "it is started again")
    site.wait()
    print(f"killed, started again and in sync in {time.monotonic() - begin_s:.1f} s")
    assert (site.actions(mark), site.guest()) == ([], before)


def test_destroyed_guest_is_started_again(site: Site) -> None:
    mark = site.mark()

    site.virsh("destroy", "web1")

    wait_until(lambda: site.actions(mark) == ["start Domain/web1"], "it is started")


@pytest.mark.parametrize("how", ["systemctl restart libvirtd", "systemctl kill --signal=KILL libvirtd"])
def test_drift_while_libvirtd_was_down_is_corrected_after_libvirtd_returns(site: Site, how: str) -> None:
    mark, process = site.mark(), site.show("MainPID")

    site.host.run(f"{how}; until virsh --quiet net-destroy lan; do sleep 0.1; done")

    wait_until(lambda: "start Network/lan" in site.actions(mark), "the network is started")
    site.wait()
    assert site.show("MainPID") == process


def test_polkit_rule_grants_access_without_group_membership(site: Site) -> None:
    site.host.run("gpasswd --delete kvmreconcile libvirt && systemctl restart kvmreconcile")

    site.wait()

    site.host.run(
        "mv /etc/polkit-1/rules.d/50-kvmreconcile.rules /root && systemctl restart polkit kvmreconcile"
    )
    wait_until(lambda: site.show("StatusText").startswith("Not connected to libvirt"), "it is kept out")
    site.host.run("mv /root/50-kvmreconcile.rules /etc/polkit-1/rules.d && systemctl restart polkit")
    site.wait()
    site.host.output("gpasswd", "--add", "kvmreconcile", "libvirt")


def test_hanging_service_is_restarted_by_the_watchdog(site: Site) -> None:
    site.drop_in("watchdog", "[Service]\nWatchdogSec=10s\n")
    site.wait()
    mark, process = site.mark(), site.show("MainPID")

    site.host.run(signal_script("STOP", process, "kvmreconcile"))

    begin_s = time.monotonic()
    wait_until(lambda: site.show("MainPID") not in (process, "0"), "it is started again")
    site.wait()
    print(
        f"stopped in its tracks, ended by a watchdog of 10 s and in sync again in {time.monotonic() - begin_s:.0f} s"
    )
    assert site.actions(mark) == []
    assert "Watchdog timeout" in site.host.output("journalctl", "-u", "kvmreconcile", "--no-pager")


def test_hanging_libvirtd_does_not_make_the_watchdog_restart_the_daemon(site: Site) -> None:
    process = site.show("MainPID")
    libvirtd = site.show("MainPID", "libvirtd")

    site.host.run(signal_script("STOP", libvirtd, "libvirtd"))
    wait_until(
        lambda: site.show("StatusText").startswith("Not connected to libvirt"),
        "keepalive ends the connection",
    )
    time.sleep(15)  # longer than the watchdog waits for a daemon that is stuck
    site.host.run(signal_script("CONT", libvirtd, "libvirtd"))

    site.wait()
    assert site.show("MainPID") == process
    site.drop_in("watchdog", "")
    site.wait()


def test_service_recovers_from_a_full_state_disk(site: Site) -> None:
    before = site.guest()
    site.host.run(
        "systemctl stop kvmreconcile; mkdir /root/state; cp -a /var/lib/kvmreconcile/. /root/state\n"
        "mount -t tmpfs -o size=4m state /var/lib/kvmreconcile; cp -a /root/state/. /var/lib/kvmreconcile\n"
        "chown kvmreconcile: /var/lib/kvmreconcile; chmod 700 /var/lib/kvmreconcile; systemctl start kvmreconcile"
    )
    site.wait()
    site.host.run("dd if=/dev/zero of=/var/lib/kvmreconcile/filler bs=64k 2>/dev/null || true")
    mark, process, old = site.mark(), site.show("MainPID"), site.in_sync

    site.commit({"web1.yaml": GUEST.replace("memory:", "title: Later\n  memory:")})
    site.host.output("systemctl", "reload", "kvmreconcile")
    site.virsh("net-destroy", "lan")

    wait_until(
        lambda: any(line["event"] == "revision.refused" for line in site.lines(mark)), "the refusal is logged"
    )
    refused = next(line for line in site.lines(mark) if line["event"] == "revision.refused")
    assert old.endswith(refused["commit"][:12])
    site.host.run("rm /var/lib/kvmreconcile/filler; systemctl reload kvmreconcile")
    site.wait()
    assert site.virsh("desc", "web1", "--title") == "Later"
    assert (site.guest(), site.show("MainPID")) == (before, process)
    site.host.run(
        "systemctl stop kvmreconcile; rm -rf /root/state; cp -a /var/lib/kvmreconcile /root/state\n"
        "umount /var/lib/kvmreconcile; cp -a /root/state/. /var/lib/kvmreconcile; systemctl start kvmreconcile"
    )
    site.wait()


def test_state_still_belongs_to_the_daemon_after_commands_of_root(site: Site) -> None:
    commit = site.commit({"web1.yaml": GUEST.replace("memory:", "title: By hand\n  memory:")})

    site.host.run(
        "mkdir /srv/keys; cp /etc/kvmreconcile/id_ed25519 /srv/keys/git-ssh-key\n"
        "cp /etc/kvmreconcile/known_hosts /srv/keys/git-known-hosts; chown -R kvmreconcile: /srv/keys"
    )
    fetched = site.host.output("env", "CREDENTIALS_DIRECTORY=/srv/keys", "kvmreconcile", "fetch")
    assert fetched.startswith(commit)
    site.host.exec("kvmreconcile", "apply", "--yes")
    site.commit({"web1.yaml": GUEST.replace("memory:", "title: By itself\n  memory:")})
    site.host.output("systemctl", "reload", "kvmreconcile")

    site.wait()
    others = site.host.output("find", "/var/lib/kvmreconcile", "!", "-user", "kvmreconcile")
    assert others == ""


def test_second_instance_has_its_own_objects_and_changes_no_others(site: Site) -> None:
    mark = site.mark()
    (command,) = blocks("docs/install.md", "Several instances on one host")
    site.host.write("/etc/kvmreconcile@lab/specs/second.yaml", INSTANCE)
    site.host.write("/etc/kvmreconcile@lab/specs/pool.yaml", POOL)

    site.host.run(command)

    site.wait("1 in sync, 1 held", "kvmreconcile@lab")
    assert site.virsh("pool-list", "--name").split() == ["images", "second"]
    assert (site.actions(mark), site.show("StatusText")) == ([], site.in_sync)
    assert site.host.output("stat", "-c", "%U %a", "/var/lib/kvmreconcile@lab") == "kvmreconcile 700"
    assert site.show("RuntimeDirectory", "kvmreconcile@lab") == "kvmreconcile@lab"


def test_guest_runs_again_after_reboot_of_the_host(site: Site) -> None:
    assert "libvirt-guests.service" in site.show("After").split()
    # Its guest ignores the power button, and the default timeout is 5 minutes.
    site.host.write("/etc/default/libvirt-guests", "ON_SHUTDOWN=shutdown\nSHUTDOWN_TIMEOUT=2\n")
    mark = site.mark()

    up_s = site.host.reboot()

    print(f"rebooted in {up_s:.1f} s, in sync {site.wait():.1f} s later")
    site.wait("1 in sync, 1 held", "kvmreconcile@lab")
    # Either libvirt-guests or the daemon starts the guest, depending on how it was shut down.
    assert site.actions(mark).count("start Domain/web1") <= 1
    assert site.virsh("domstate", "web1") == "running"


def test_guest_is_started_once_after_a_power_cut(site: Site) -> None:
    mark = site.mark()

    site.host.power_off()
    up_s = site.host.power_on()

    print(f"after a power cut up in {up_s:.1f} s, in sync {site.wait():.1f} s later")
    assert site.actions(mark).count("start Domain/web1") == 1


def test_upgrade_keeps_settings_and_state(site: Site) -> None:
    settings = "/etc/kvmreconcile/kvmreconcile.yaml"
    before, guest = site.host.output("cat", settings), site.guest()
    mark, old = site.mark(), site.host.output("readlink", "/opt/kvmreconcile/current")
    site.host.run("echo '# upgraded' >>kvmreconcile/__init__.py; echo nameserver 10.0.2.3 >/etc/resolv.conf")

    print(f"upgraded in {install(site):.0f} s")

    site.wait()
    versions = set(site.host.output("ls", "/opt/kvmreconcile").split()) - {"current"}
    assert len(versions) == 1
    assert versions != {old}
    assert (site.host.output("cat", settings), site.guest(), site.actions(mark)) == (before, guest, [])
    site.wait("1 in sync, 1 held", "kvmreconcile@lab")


def test_uninstallation_keeps_guests_settings_and_state(site: Site) -> None:
    guest = site.guest()

    site.host.run("./dev uninstall")

    assert site.host.exec("systemctl", "cat", "kvmreconcile").returncode != 0
    assert site.host.exec("sh", "-c", "command -v kvmreconcile").returncode != 0
    assert site.host.output("systemctl", "is-system-running") == "running"
    assert site.host.exec("pgrep", "-u", "kvmreconcile").stdout == ""
    mark = site.mark()
    install(site)
    site.wait()
    assert (site.guest(), site.actions(mark)) == (guest, [])


def test_purge_removes_everything_except_managed_objects(site: Site) -> None:
    guest = site.guest()

    site.host.run("./dev uninstall --purge")

    left = site.host.output("find", "/etc", "/opt", "/usr/local", "/var/lib", "-name", "*kvmreconcile*")
    assert left == ""
    assert "kvmreconcile" not in site.host.output("getent", "passwd")
    assert site.guest() == guest
    assert site.virsh("pool-list", "--name").split() == ["images", "second"]
