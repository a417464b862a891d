"""An edit that this libvirt or QEMU refuses is reverted and held, and the guest can be started as before."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kvmreconcile.tree import Node, parse
from tests.lab.guest import EMPTY, GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.session import NETWORK, POOL, VOLUME, Session
from tests.lab.test_health import Watched, stopped_in_the_end
from tests.waiting import wait_until

NAME = "web1"
PCI = {"hostdevs": [{"pci": "0000:7f:1f.7"}]}
"""A PCI device that this host does not have: "unsupported configuration"."""
PERF = {"xml": "<domain><perf><event name='cmt' enabled='yes'/></perf></domain>"}
"""An event that no emulated processor counts: "argument unsupported"."""
PIN = {"xml": "<domain><cputune><emulatorpin cpuset='900'/></cputune></domain>"}
"""A CPU model that this host does not have: "invalid argument"."""
IMAGE = {"disks": [{"name": "data", "file": "/nonexistent/data.raw"}]}
BRIDGE = {"interfaces": [{"name": "lan", "network": "lan"}, {"name": "other", "bridge": "br-none"}]}
NODE = {"xml": "<domain><numatune><memory mode='strict' nodeset='63'/></numatune></domain>"}
"""A NUMA node that this host does not have: the guest cannot be started with it."""
AT_ONCE = {"maxEffect": "restart", "shutdown": {"agent": False, "acpi": False, "force": True}}


class Edited:
    """A guest whose spec is edited."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.spec: dict[str, Any] = {
            "type": "qemu",
            "memory": "96MiB",
            "interfaces": [{"name": "lan", "network": "lan"}],
        }

    def write_spec(self, **fields: object) -> None:
        """Write its spec, with these fields in place of the first ones."""
        document = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": {"name": NAME}}
        self.session.write(f"{NAME}.yaml", yaml.safe_dump({**document, "spec": {**self.spec, **fields}}))

    def stored(self) -> str:
        """Return its stored definition."""
        return self.session.lab.virsh("dumpxml", "--inactive", NAME)

    def run(self) -> str:
        """Return the id of its run, "-" while it is off."""
        return self.session.lab.virsh("domid", NAME).strip()

    def holds(self) -> set[tuple[str, str]]:
        """Return the held actions with their reasons; fail if anything would be done."""
        plan = self.session.plan()
        assert plan["actions"] == []
        return {(held["verb"], held["hold"]) for held in plan["held"]}

    def assert_it_starts(self) -> None:
        """Fail unless virsh can start it."""
        self.session.lab.virsh("destroy", NAME)
        self.session.lab.virsh("start", NAME)


@pytest.fixture
def guest(lab: Lab, tmp_path: Path) -> Edited:
    """A guest that runs as its spec says."""
    session = Session(lab, tmp_path)
    session.write("lan.yaml", NETWORK)
    guest = Edited(session)
    guest.write_spec()
    session.converge()
    return guest


@pytest.mark.case("12b")
@pytest.mark.parametrize(
    ("edit", "verb"),
    [(PCI, "attach"), (PERF, "set-perf"), (PIN, "pin")],
    ids=["card", "counter", "processor"],
)
def test_refused_edit_is_reverted_held_and_not_stored_again(
    guest: Edited, edit: dict[str, Any], verb: str
) -> None:
    before, run = guest.stored(), guest.run()
    guest.write_spec(**edit)

    result = guest.session.apply()

    assert result.exit_code == 1
    assert f"FAILED  {verb} Domain/{NAME}" in result.output
    assert (guest.stored(), guest.run()) == (before, run)
    assert guest.holds() == {("define", "refused"), (verb, "refused")}
    for _ in range(2):
        again = guest.session.apply()
        assert again.exit_code == 3
        assert "libvirt refused the change" in again.output
        assert "done    " not in again.output
    guest.assert_it_starts()
    # After a start by virsh, it is held as before.
    assert guest.holds() == {("define", "refused"), (verb, "refused")}
    guest.write_spec(title="Another")
    guest.session.converge()
    guest.session.assert_in_sync()


@pytest.mark.case("12a", "12b")
def test_guest_keeps_its_interface_if_a_vlan_on_a_linux_bridge_is_refused(
    guest: Edited, guest_files: GuestFiles
) -> None:
    boot = {"kernel": str(guest_files.vmlinuz), "initrd": str(guest_files.initrd), "cmdline": "quiet"}
    guest.spec |= {"boot": boot, "update": {"replugInterfaces": True, **AT_ONCE}}
    guest.write_spec()
    guest.session.converge()
    wait_for_agent(guest.session.lab, NAME)
    before, run = guest.stored(), guest.run()
    guest.write_spec(interfaces=[{"name": "lan", "network": "lan", "vlan": {"tags": [10]}}])

    guest.session.apply()

    # A libvirt that supports it has done it, unless the kernel's bridges have no VLANs (CONFIG_BRIDGE_VLAN_FILTERING);
    # one that does not is not called.
    if "<vlan>" not in guest.stored():
        assert (guest.stored(), guest.run()) == (before, run)
        with guest.session.lab.connect() as connection:
            is_asked = connection.getLibVersion() >= 11_000_000
        assert {hold for _, hold in guest.holds()} == {"refused" if is_asked else "unsupported"}
    assert "virbr9" in guest.session.lab.virsh("domiflist", NAME) or "lan" in guest.session.lab.virsh(
        "domiflist", NAME
    )
    wait_for_agent(guest.session.lab, NAME)
    guest.assert_it_starts()


@pytest.mark.case("12b")
@pytest.mark.parametrize("edit", [IMAGE, BRIDGE], ids=["image", "bridge"])
def test_edit_that_needs_a_missing_part_of_the_host_is_reverted_and_retried_later(
    guest: Edited, edit: dict[str, Any]
) -> None:
    before = guest.stored()
    guest.write_spec(**edit)

    assert guest.session.apply().exit_code == 1

    assert guest.stored() == before
    plan = guest.session.plan()
    assert plan["actions"] == []
    assert {(held["verb"], held["hold"]) for held in plan["held"]} == {
        ("define", "refused"),
        ("attach", "refused"),
    }
    assert all(held["until"] for held in plan["held"])
    guest.assert_it_starts()


@pytest.mark.case("12b")
def test_image_that_appears_later_is_plugged_in_automatically(guest: Edited) -> None:
    image = guest.session.lab.path / "images/late.raw"
    guest.write_spec(disks=[{"name": "data", "file": str(image)}])
    guest.session.apply()
    image.write_bytes(b"\0" * 1048576)

    wait_until(lambda: guest.session.apply().exit_code == 0, "it is retried", 30)

    assert str(image) in guest.session.lab.virsh("domblklist", NAME)
    guest.session.assert_in_sync()


@pytest.mark.case("12b")
def test_guest_that_cannot_be_restarted_with_an_edit_runs_again_without_it(guest: Edited) -> None:
    guest.spec["update"] = AT_ONCE
    before, run = guest.stored(), guest.run()
    guest.write_spec(**NODE, title="New")

    result = guest.session.apply()

    assert "FAILED  restart" in result.output
    assert guest.stored() == before
    assert guest.run() not in (run, "-")
    assert {hold for _, hold in guest.holds()} == {"refused"}


@pytest.mark.case("12b")
def test_approved_plan_retries_once_and_reverts_without_further_approval(guest: Edited) -> None:
    before = guest.stored()
    guest.write_spec(**PCI)
    guest.session.apply()

    again = guest.session.run("apply", str(guest.session.specs), "--approve", guest.session.plan()["digest"])

    assert again.exit_code == 1
    assert "FAILED  attach" in again.output
    assert guest.stored() == before
    assert guest.holds() == {("define", "refused"), ("attach", "refused")}


@pytest.mark.case("12b")
def test_network_that_refuses_an_update_keeps_its_stored_and_live_definition(guest: Edited) -> None:
    texts = "  dns: {txt: [{name: b, value: x}, {name: a, value: x}, {name: a, value: y}]}\n"
    before = network_definitions(guest.session.lab)
    guest.session.edit("lan.yaml", "  stp: false\n", f"  stp: false\n{texts}")

    result = guest.session.apply()

    assert "FAILED  update-dns Network/lan" in result.output
    assert network_definitions(guest.session.lab) == before
    assert guest.holds() == {("define", "refused"), ("update-dns", "refused")}


def network_definitions(lab: Lab) -> list[Node]:
    """Return the stored and the live definition of the network, without the parts that libvirt rewrites at any update."""
    both = lab.virsh("net-dumpxml", "--inactive", "lan"), lab.virsh("net-dumpxml", "lan")
    return [parse(xml).without("forward").without("@connections") for xml in both]


@pytest.mark.case("12b")
def test_pool_that_cannot_be_started_with_an_edit_is_started_without_it(lab: Lab, tmp_path: Path) -> None:
    session, good = Session(lab, tmp_path), lab.path / "images/pool"
    (lab.path / "images/file").write_bytes(b"no directory")
    session.write("images.yaml", POOL.format(path=good))
    session.converge()
    update = "spec: {update: {maxEffect: restart}, "
    session.write("images.yaml", POOL.format(path=lab.path / "images/file").replace("spec: {", update))

    result = session.apply()

    assert "FAILED  restart StoragePool/images" in result.output
    assert parse(lab.virsh("pool-dumpxml", "--inactive", "images")).get("target/path") == str(good)
    assert "running" in lab.virsh("pool-info", "images")
    assert {held["hold"] for held in session.plan()["held"]} == {"refused"}


@pytest.mark.case("12b")
@pytest.mark.timeout(300)
@pytest.mark.full
def test_apply_killed_after_any_side_effect_has_the_result_of_an_undisturbed_one(guest: Edited) -> None:
    run, deaths = guest.run(), 0
    guest.write_spec(title="New")
    guest.session.converge()
    undisturbed = guest.stored()
    while True:
        guest.write_spec()
        guest.session.converge()
        guest.write_spec(**PCI, title="New")
        if not is_killed(guest.session, deaths + 1):
            break
        deaths += 1
        guest.session.apply()
        assert guest.stored() == undisturbed, f"after {deaths} side effects"
        assert guest.run() == run
        assert guest.holds() == {("define", "refused"), ("attach", "refused")}

    assert deaths > 8
    guest.assert_it_starts()


def is_killed(session: Session, after: int) -> bool:
    """Apply in a process that is killed after its n-th side effect, and return whether it had that many."""
    command = [sys.executable, "-m", "tests.lab.killed_process", str(after), *session.words("apply", "--yes")]
    done = subprocess.run([*command, str(session.specs)], check=False, capture_output=True, text=True)
    assert done.returncode in (1, -signal.SIGKILL), done.stderr
    return done.returncode != 1


@pytest.fixture
def watched(lab: Lab, tmp_path: Path) -> Iterator[Watched]:
    """A daemon without specs that is not started yet."""
    daemon = Watched(lab, tmp_path)
    with stopped_in_the_end(daemon):
        yield daemon


@pytest.mark.case("12b")
def test_daemon_stores_a_refused_edit_once_and_remembers_it_after_a_restart(
    watched: Watched,
) -> None:
    watched.write(NAME, EMPTY)
    watched.start()
    watched.wait_until_converged()
    before = watched.lab.virsh("dumpxml", "--inactive", NAME)
    watched.edit(f"{NAME}.yaml", "  memory", '  hostdevs: [{pci: "0000:7f:1f.7"}]\n  memory')

    held = watched.wait_for_condition(NAME, "Held", "refused")

    assert "doesn't support passthrough" in held["why"]
    assert watched.lab.virsh("dumpxml", "--inactive", NAME) == before
    begun = [line["verb"] for line in watched.lines() if line["event"] == "action.started"]
    assert begun[-3:] == ["define", "attach", "define"]
    for _ in range(3):
        watched.call("reconcile")
    watched.process.stop()
    assert begun == [line["verb"] for line in watched.lines() if line["event"] == "action.started"]

    watched.start()
    watched.wait_for_condition(NAME, "Held", "refused")
    assert not [line for line in watched.lines() if line["event"] == "action.started"]
    watched.approve()
    watched.wait_for("action.failed", key=f"Domain/{NAME}")
    watched.wait_for_condition(NAME, "Held", "refused")
    assert watched.lab.virsh("dumpxml", "--inactive", NAME) == before


@pytest.mark.case("12b")
def test_volume_that_cannot_grow_now_is_held(guest: Edited) -> None:
    session, lab = guest.session, guest.session.lab
    pool = POOL.format(path=lab.path / "images/pool")
    session.write("images.yaml", "---\n".join([pool, VOLUME.format(name="data")]))
    guest.write_spec(disks=[{"name": "data", "volume": {"pool": "images", "name": "data"}}])
    session.converge()
    above = f"vda,file={lab.path / 'images/above.qcow2'}"
    lab.virsh("snapshot-create-as", NAME, "one", "--disk-only", "--diskspec", above)
    session.edit("images.yaml", "1MiB", "2MiB")

    result = session.apply()

    assert "uses this volume, but not as the active image of a disk" in result.output
    held = {(h["key"], h["verb"], h["hold"]) for h in session.plan()["held"]}
    assert ("Volume/images/data", "resize", "refused") in held
