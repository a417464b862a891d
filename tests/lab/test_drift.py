"""Each manual change is reported exactly, with nothing else, and reverted."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.session import Session, run_virsh_with_xml
from tests.waiting import wait_until

MAC = "52:54:00:00:00:21"
NIC = "<interface type='network'><mac address='52:54:00:00:00:99'/><source network='lan'/><model type='virtio'/></interface>"
HOST = "<host mac='52:54:00:00:00:22' ip='192.0.2.22'/>"
STRANGER = "<host mac='52:54:00:00:00:99' ip='192.0.2.99'/>"


@dataclass(frozen=True)
class Drift:
    """A manual change, and the complete plan for it."""

    name: str
    by_hand: Callable[[Lab], object]
    plan: tuple[str, ...]


def virsh(*commands: str) -> Callable[[Lab], object]:
    """Return a function that runs virsh commands, split at blanks."""
    return lambda lab: [lab.virsh(*command.split()) for command in commands]


def edit_definition(kind: str, name: str, old: str, new: str) -> Callable[[Lab], object]:
    """Return a function that edits a stored definition as `virsh edit` does."""

    def edit(lab: Lab) -> None:
        prefix = {"Domain": "", "Network": "net-"}[kind]
        xml, count = re.subn(old, new, lab.virsh(f"{prefix}dumpxml", "--inactive", name))
        assert count == 1
        run_virsh_with_xml(lab, f"{prefix}define", xml)

    return edit


def attach_device(device: str, *flags: str) -> Callable[[Lab], object]:
    """Return a function that attaches a device to the running guest, its stored definition, or both."""
    return lambda lab: run_virsh_with_xml(lab, "attach-device", device, "web1", *flags)


def update_network(command: str, element: str, *flags: str) -> Callable[[Lab], object]:
    """Return a function that changes the running network, its stored definition, or both."""
    return lambda lab: lab.virsh("net-update", "lan", command, "ip-dhcp-host", element, *flags)


def set_title(name: str, title: str, flag: str) -> Callable[[Lab], object]:
    """Return a function that gives a domain another title."""
    return lambda lab: lab.virsh("desc", name, "--title", flag, title)


def start_guest_by_virsh(lab: Lab) -> None:
    """Start the guest that should be stopped, so that it obeys the power button."""
    lab.virsh("start", "db1")
    wait_for_agent(lab, "db1")


def remove_file(lab: Lab) -> None:
    """Remove a volume's file, which libvirt notices at the next refresh."""
    (lab.path / "images/pool/spare").unlink()
    lab.virsh("pool-refresh", "images")


def inflate_balloon(lab: Lab) -> None:
    """Reduce the memory of the running guest, and wait until it has released it."""
    lab.virsh("setmem", "web1", "96M", "--live")
    wait_until(lambda: ">98304</currentMemory>" in lab.virsh("dumpxml", "web1"), "web1 gives memory back")


RUNNING = (
    Drift("memory of the guest", inflate_balloon, ("set-memory", "~ currentMemory")),
    Drift(
        "memory of the guest, stored",
        virsh("setmem web1 96M --config"),
        ("define", "~ currentMemory"),
    ),
    Drift("memory stored", virsh("setmaxmem web1 256M --config"), ("define", "~ memory")),
    Drift(
        "memory stored, and what the balloon leaves with it",
        virsh("setmaxmem web1 100M --config"),
        ("define", "~ memory", "~ currentMemory"),
    ),
    Drift("vCPUs stored", virsh("setvcpus web1 2 --config"), ("define", "+ vcpu/@current")),
    Drift("most vCPUs stored", virsh("setvcpus web1 4 --config --maximum"), ("define", "~ vcpu")),
    Drift(
        "disk detached for the next start",
        virsh("detach-disk web1 vdb --config"),
        ("define", "+ devices/disk[data]"),
    ),
    Drift(
        "disk detached from the guest",
        virsh("detach-disk web1 vdb --live"),
        ("attach", "+ devices/disk[data]"),
    ),
    Drift(
        "disk detached for good",
        virsh("detach-disk web1 vdb --live --config"),
        ("define", "attach", "+ devices/disk[data]"),
    ),
    Drift(
        "disk attached by another tool",
        lambda lab: lab.virsh("attach-disk", "web1", f"{lab.path}/images/pool/spare", "vdc", "--persistent"),
        ("define", "detach", "- devices/disk[vdc]"),
    ),
    Drift(
        "disk cached otherwise",
        edit_definition("Domain", "web1", "cache='writeback'", "cache='unsafe'"),
        ("define", "~ devices/disk[root]/driver/@cache"),
    ),
    Drift(
        "NIC added for the next start",
        attach_device(NIC, "--config"),
        ("define", "- devices/interface[52:54:00:00:00:99]"),
    ),
    Drift(
        "NIC added to the guest",
        attach_device(NIC, "--live"),
        ("detach", "- devices/interface[52:54:00:00:00:99]"),
    ),
    Drift(
        "NIC added for good",
        attach_device(NIC, "--live", "--config"),
        ("define", "detach", "- devices/interface[52:54:00:00:00:99]"),
    ),
    Drift(
        "NIC removed from the guest",
        virsh(f"detach-interface web1 network --mac {MAC} --live"),
        ("attach", "+ devices/interface[lan]"),
    ),
    Drift(
        "NIC removed for good",
        virsh(f"detach-interface web1 network --mac {MAC} --live --config"),
        ("define", "attach", "+ devices/interface[lan]"),
    ),
    Drift("title of the guest", set_title("web1", "Mine", "--live"), ("set-title", "~ title")),
    Drift(
        "description taken away",
        lambda lab: lab.virsh("desc", "web1", "--live", "--config", "--new-desc", ""),
        ("define", "set-description", "+ description"),
    ),
    Drift(
        "what a reboot does to the guest",
        virsh("set-lifecycle-action web1 reboot destroy --live"),
        ("set-lifecycle", "~ on_reboot"),
    ),
    Drift(
        "what a reboot does, stored",
        virsh("set-lifecycle-action web1 reboot destroy --config"),
        ("define", "~ on_reboot"),
    ),
    Drift("autostart off", virsh("autostart web1 --disable"), ("autostart",)),
    Drift(
        "our mark taken away",
        virsh("metadata web1 --uri urn:kvmreconcile:1 --remove --config --live"),
        ("own",),
    ),
    Drift("undefined while it runs", virsh("undefine web1"), ("define", "~ persistent", "autostart")),
    Drift("destroyed", virsh("destroy web1"), ("start",)),
    Drift("saved", virsh("managedsave web1"), ("start",)),
    Drift(
        "destroyed and undefined",
        virsh("destroy web1", "undefine web1"),
        ("create", "+", "autostart", "start"),
    ),
)
STOPPED = (
    Drift("memory of a stopped guest", virsh("setmaxmem db1 256M --config"), ("define", "~ memory")),
    Drift("balloon of a stopped guest", virsh("setmem db1 64M --config"), ("define", "~ currentMemory")),
    Drift("title of a stopped guest", set_title("db1", "Mine", "--config"), ("define", "~ title")),
    Drift(
        "boot order turned round",
        edit_definition(
            "Domain",
            "db1",
            r"<boot dev='hd'/>\s*<boot dev='network'/>",
            "<boot dev='network'/><boot dev='hd'/>",
        ),
        ("define", "~ os/boot/@dev", "~ os/boot[#2]/@dev"),
    ),
    Drift(
        "kernel's command line",
        edit_definition("Domain", "db1", "ttyS0 quiet", "ttyS0"),
        ("define", "~ os/cmdline"),
    ),
    Drift("autostart on", virsh("autostart db1"), ("no-autostart",)),
    Drift("undefined while stopped", virsh("undefine db1"), ("create", "+")),
    Drift("started", start_guest_by_virsh, ("stop",)),
)
NETWORK = (
    Drift(
        "DHCP host removed",
        update_network("delete", HOST, "--live", "--config"),
        ("define", "update-dhcp", "+ ip[192.0.2.1]/dhcp/host[52:54:00:00:00:22]"),
    ),
    Drift(
        "DHCP host removed from what runs",
        update_network("delete", HOST, "--live"),
        ("update-dhcp", "+ ip[192.0.2.1]/dhcp/host[52:54:00:00:00:22]"),
    ),
    Drift(
        "DHCP host added",
        update_network("add", STRANGER, "--live", "--config"),
        ("define", "update-dhcp", "- ip[192.0.2.1]/dhcp/host[52:54:00:00:00:99]"),
    ),
    Drift(
        "bridge edited",
        edit_definition("Network", "lan", "stp='off'", "stp='on'"),
        ("define", "~ bridge/@stp"),
    ),
    Drift(
        "address edited",
        edit_definition("Network", "lan", "192.0.2.1'", "192.0.2.2'"),
        ("define", "- ip[192.0.2.2]", "+ ip[192.0.2.1]"),
    ),
    Drift("network's autostart off", virsh("net-autostart lan --disable"), ("autostart",)),
    Drift("network stopped", virsh("net-destroy lan"), ("start",)),
    Drift(
        "network undefined",
        virsh("net-destroy lan", "net-undefine lan"),
        ("create", "+", "autostart", "start"),
    ),
)
POOL = (
    Drift("pool stopped", virsh("pool-destroy images"), ("start",)),
    Drift(
        "pool undefined, and its volumes still there",
        virsh("pool-destroy images", "pool-undefine images"),
        ("create", "+", "autostart", "start"),
    ),
    Drift("pool's autostart off", virsh("pool-autostart images --disable"), ("autostart",)),
)
VOLUME = (
    Drift("volume deleted", virsh("vol-delete spare images"), ("create", "+")),
    Drift(
        "volume's file removed behind libvirt",
        remove_file,
        ("create", "+"),
    ),
)
ALL = {
    "Domain/web1": RUNNING,
    "Domain/db1": STOPPED,
    "Network/lan": NETWORK,
    "StoragePool/images": POOL,
}


@pytest.fixture(scope="module")
def whole_session(
    shared_lab: Lab, guest_files: GuestFiles, tmp_path_factory: pytest.TempPathFactory
) -> Session:
    """A converged session that all tests of this file share."""
    shared_lab.reset()
    session = Session(shared_lab, tmp_path_factory.mktemp("session"))
    session.populate(guest_files)
    session.converge()
    return session


@pytest.fixture
def session(whole_session: Session) -> Iterator[Session]:
    """The session, converged, with a guest that is up; restored after a failed test."""
    wait_for_agent(whole_session.lab, "web1")
    yield whole_session
    whole_session.apply()


@pytest.mark.parametrize(
    ("key", "drift"),
    [pytest.param(key, drift, id=drift.name) for key, drifts in ALL.items() for drift in drifts],
)
def test_drift_is_reported_and_corrected(session: Session, key: str, drift: Drift) -> None:
    drift.by_hand(session.lab)

    assert session.drift() == [f"{key} {word}" for word in drift.plan]
    session.converge()
    session.assert_in_sync()


@pytest.mark.case("1")
@pytest.mark.parametrize("drift", [pytest.param(drift, id=drift.name) for drift in VOLUME])
def test_missing_volume_is_reported_and_recreated_after_approval(session: Session, drift: Drift) -> None:
    drift.by_hand(session.lab)

    assert session.drift() == [f"Volume/images/spare {word}" for word in drift.plan]
    assert session.apply().exit_code == 3
    assert "spare" not in session.lab.virsh("vol-list", "images")

    session.converge("--approve", session.plan()["digest"])
    session.assert_in_sync()


def test_drift_of_several_objects_is_reported_and_corrected_at_once(session: Session) -> None:
    drifts = {"Network/lan": NETWORK[1], "StoragePool/images": POOL[2], "Domain/db1": STOPPED[2]}
    for drift in drifts.values():
        drift.by_hand(session.lab)

    assert session.drift() == [f"{key} {word}" for key, drift in drifts.items() for word in drift.plan]
    session.converge()
    session.assert_in_sync()


def test_reason_distinguishes_drift_from_edit(session: Session) -> None:
    session.lab.virsh("setmaxmem", "web1", "256M", "--config")
    session.edit("db1.yaml", "Keeps records", "Keeps them")

    reasons = {a["key"]: a["reason"] for a in session.plan()["actions"]}
    session.edit("db1.yaml", "Keeps them", "Keeps records")

    assert reasons == {"Domain/web1": "drift", "Domain/db1": "edit"}
