"""The lab itself: quick, isolated, and removed without a trace."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.lab.guest import GuestFiles, ask_agent, console, domain_xml, wait_for_agent
from tests.lab.lab import SCRIPT, Lab, LabError
from tests.processes import signal_process
from tests.waiting import wait_until

# Without no-ping dnsmasq pings an address and waits 3 s before it offers it.
NETWORK = """
    <network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
      <name>lan</name>
      <forward mode='nat'/>
      <bridge stp='off'/>
      <ip address='192.168.150.1' netmask='255.255.255.0'>
        <dhcp><range start='192.168.150.10' end='192.168.150.99'/></dhcp>
      </ip>
      <dnsmasq:options><dnsmasq:option value='no-ping'/></dnsmasq:options>
    </network>"""
NIC = "<interface type='network'><source network='lan'/><model type='virtio'/></interface>"

CLONE = Path(__file__).parents[2]


def test_lab_starts_and_stops_within_seconds() -> None:
    begin = time.monotonic()
    with Lab() as lab:
        up_s = time.monotonic() - begin
        assert lab.virsh("list", "--all", "--name").strip() == ""
        begin = time.monotonic()
    down_s = time.monotonic() - begin

    print(f"lab up {up_s:.2f} s, down {down_s:.2f} s")
    assert up_s < 10
    assert down_s < 10


def test_two_labs_are_isolated_from_each_other(lab: Lab) -> None:
    with Lab() as other:
        define_network(lab)

        assert other.virsh("net-list", "--all", "--name").strip() == ""
        # Both have the same network, with the same bridge and addresses.
        define_network(other)
        assert "virbr0" in lab.exec("ip", "-brief", "link")
        assert lab.exec("hostname") != other.exec("hostname")


def test_lab_name_in_use_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="up already"), Lab(lab.name):
        pass


def test_tiny_guest_has_a_working_agent_and_gets_an_address(lab: Lab, guest_files: GuestFiles) -> None:
    define_network(lab)
    begin = time.monotonic()
    start_guest(lab, "tiny", guest_files)

    wait_for_agent(lab, "tiny")
    print(f"guest from start to agent {time.monotonic() - begin:.1f} s")
    wait_until(lambda: "192.168.150." in lab.virsh("domifaddr", "tiny"), "the guest has a lease")
    wait_until(
        lambda: "DHCP-BOUND eth0 192.168.150." in console(lab, "tiny").read_text(), "the guest uses it"
    )
    assert ask_agent(lab, "tiny", "guest-get-host-name") == {"host-name": "tiny"}


def test_tiny_guest_obeys_the_power_button_and_reboots(lab: Lab, guest_files: GuestFiles) -> None:
    start_guest(lab, "tiny", guest_files, network=False)
    wait_for_agent(lab, "tiny")

    lab.virsh("reboot", "tiny", "--mode", "agent")
    wait_until(lambda: console(lab, "tiny").read_text().count("TINY-UP") == 2, "the guest has booted again")
    # Its agent answers only after acpid handles the power button.
    wait_for_agent(lab, "tiny")
    lab.virsh("shutdown", "tiny", "--mode", "acpi")
    wait_until(lambda: lab.virsh("domstate", "tiny").strip() == "shut off", "the guest is off")


def test_hot_plugged_nic_and_disk_are_visible_to_the_guest(lab: Lab, guest_files: GuestFiles) -> None:
    define_network(lab)
    start_guest(lab, "tiny", guest_files, network=False)
    wait_for_agent(lab, "tiny")
    image = lab.path / "images" / "data.img"
    image.write_bytes(bytes(1 << 20))

    lab.virsh("attach-interface", "tiny", "network", "lan", "--model", "virtio", "--live")
    wait_until(lambda: "DHCP-BOUND eth0" in console(lab, "tiny").read_text(), "the new NIC has an address")
    lab.virsh("attach-disk", "tiny", str(image), "vdb", "--live")
    wait_until(lambda: in_guest(lab, "tiny", "test", "-b", "/dev/vda") == 0, "the guest has the disk")


def test_guest_outlives_libvirtd(lab: Lab, guest_files: GuestFiles) -> None:
    start_guest(lab, "tiny", guest_files, network=False)
    wait_for_agent(lab, "tiny")

    for how in ("TERM", "KILL"):
        lab.restart_libvirtd(how)
        assert lab.virsh("domstate", "tiny").strip() == "running"
        wait_for_agent(lab, "tiny")


def test_reset_removes_everything(lab: Lab, guest_files: GuestFiles) -> None:
    define_network(lab)
    lab.virsh("pool-create-as", "images", "dir", "--target", str(lab.path / "images"))
    lab.virsh("vol-create-as", "images", "one", "1MiB")
    start_guest(lab, "tiny", guest_files)

    begin = time.monotonic()
    lab.reset()
    print(f"reset {time.monotonic() - begin:.2f} s")
    for kind in ("list", "net-list", "pool-list"):
        assert lab.virsh(kind, "--all", "--name").strip() == ""
    assert list((lab.path / "images").iterdir()) == []


def test_libvirt_daemon_that_crashes_is_recorded_and_restarted(lab: Lab) -> None:
    crashed = lab.exec("cat", f"/run/{lab.main_daemon}.pid").strip()

    lab.signal("SEGV", lab.main_daemon, crashed)

    wait_until(lambda: lab.new_crashes() == [lab.main_daemon], "the crash is noted")
    wait_until(lab.answers, "it was started again")


def test_libvirt_daemon_that_was_stopped_stays_stopped(lab: Lab) -> None:
    with lab.without(lab.main_daemon):
        time.sleep(0.5)
        assert not lab.answers()

    assert lab.answers()
    assert lab.new_crashes() == []


def test_lab_of_a_killed_owner_leaves_no_trace(guest_files: GuestFiles) -> None:
    program = """
        import sys, time
        from tests.lab.guest import build_guest, domain_xml
        from tests.lab.lab import Lab
        from tests.lab.test_lab import define_network, start_guest
        with Lab() as lab:
            define_network(lab)
            start_guest(lab, "tiny", build_guest())
            print(lab.name, lab.path, (lab.path / "control-group").read_text().strip(), flush=True)
            print(lab.exec("readlink", "/proc/self/ns/pid"), flush=True)
            sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CLONE,
    ) as owner:
        assert owner.stdout
        name, path, group = owner.stdout.readline().split()
        namespace = owner.stdout.readline().strip()
        assert list(processes_in(namespace))

        owner.send_signal(signal.SIGKILL)

    wait_until(lambda: not Path(path).exists(), "the directory is gone")
    assert list(processes_in(namespace)) == []
    assert name not in Path("/proc/self/mountinfo").read_text()
    assert list(Path("/sys/fs/cgroup").glob(f"**/{group}")) == []


def test_files_of_a_killed_lab_keeper_are_removed_by_the_next_lab() -> None:
    with Lab() as lab:
        # The keeper, which would clean up, is killed as well: the process that waits for the lab's init, and its parent.
        init = int((lab.path / "pid").read_text())
        group = (lab.path / "control-group").read_text().strip()
        namespace = lab.exec("readlink", "/proc/self/ns/pid").strip()
        parent = parent_of(init)
        signal_process(parent_of(parent), signal.SIGKILL, lab.name)
        signal_process(parent, signal.SIGKILL, lab.name)
        wait_until(lambda: not list(processes_in(namespace)), "the lab's processes are gone")
        assert lab.path.exists()

        with Lab():
            assert not lab.path.exists()
        assert list(Path("/sys/fs/cgroup").glob(f"**/{group}")) == []


def test_libvirt_of_the_host_is_not_affected_by_a_lab(guest_files: GuestFiles) -> None:
    before = traces_on_host()
    with Lab() as lab:
        define_network(lab)
        start_guest(lab, "tiny", guest_files)
        during = traces_on_host()

    assert during == before
    assert traces_on_host() == before


def test_lab_started_from_the_shell_runs_until_it_is_stopped() -> None:
    name = f"shell-{os.getpid()}"
    run = [str(SCRIPT), "-n", name]
    subprocess.run([*run, "up"], check=True)
    try:
        assert name in subprocess.check_output([*run, "list"], text=True).split()
        uri = subprocess.check_output([*run, "uri"], text=True).strip()
        assert subprocess.check_output(["virsh", "-c", uri, "hostname"], text=True).strip() == name
    finally:
        subprocess.run([*run, "down"], check=True)
    assert name not in subprocess.check_output([*run, "list"], text=True).split()


def test_kept_lab_outlives_its_owner() -> None:
    program = """
        from tests.lab.lab import Lab
        with Lab() as lab:
            lab.keep()
        print(lab.name)
    """
    name = subprocess.check_output([sys.executable, "-c", dedent(program)], text=True, cwd=CLONE).strip()

    lab = Lab(name)
    try:
        assert lab.exec("hostname").strip() == name
    finally:
        subprocess.run([str(SCRIPT), "-n", name, "down"], check=True)
    assert not lab.path.exists()


def define_network(lab: Lab) -> None:
    file = lab.path / "lan.xml"
    file.write_text(NETWORK)
    lab.virsh("net-define", str(file))
    lab.virsh("net-start", "lan")


def start_guest(lab: Lab, name: str, files: GuestFiles, *, network: bool = True) -> None:
    file = lab.path / f"{name}.xml"
    file.write_text(domain_xml(lab, name, files, NIC if network else ""))
    lab.virsh("define", str(file))
    lab.virsh("start", name)


def in_guest(lab: Lab, name: str, path: str, *arguments: str) -> int:
    """Run a program in the guest and return its exit status."""
    pid = ask_agent(lab, name, "guest-exec", path=path, arg=arguments)["pid"]
    status = {"exited": False}

    def is_over() -> bool:
        status.update(ask_agent(lab, name, "guest-exec-status", pid=pid))
        return status["exited"]

    wait_until(is_over, f"{path} ends")
    return int(status["exitcode"])


def processes_in(namespace: str) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "ns/pid").readlink()) == namespace:
                yield process.name
        except OSError:
            continue


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def traces_on_host() -> tuple[object, ...]:
    """Return the files that a libvirtd of the host would write, and the devices that a network of it would change."""
    directories = [Path(each, "libvirt") for each in ("/etc", "/var/lib", "/var/cache", "/var/log", "/run")]
    return (
        {path for directory in directories for path in directory.glob("**/*")},
        {path.read_bytes() for path in directories[0].glob("**/*") if path.is_file()},
        {link.name for link in Path("/sys/class/net").iterdir()},
        Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        Path("/proc/self/mounts").read_text(),
    )
