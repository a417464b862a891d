"""A guest needs a host component that is missing: the plan says so, and other actions run."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kvmreconcile.host.files import Files
from tests.lab.lab import Lab
from tests.lab.session import NETWORK, Session
from tests.lab.test_refusals import write_guest

PLAIN: dict[str, Any] = {"type": "qemu", "memory": "64MiB", "state": "stopped"}
UEFI = {**PLAIN, "firmware": "efi"}
TPM = {**PLAIN, "tpm": {"version": "2.0"}}


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    return Session(lab, tmp_path)


@contextmanager
def without(lab: Lab, *paths: str) -> Iterator[None]:
    """Hide files and directories from the lab's libvirtd."""
    hidden = [path for path in paths if Path(path).exists()]
    for path in hidden:
        kind = ("-t", "tmpfs", "none") if Path(path).is_dir() else ("--bind", "/dev/null")
        lab.exec("mount", *kind, path)
    try:
        yield
    finally:
        for path in hidden:
            lab.exec("umount", path)


def held(session: Session) -> dict[str, str]:
    """Return the reason of each held action, by its key."""
    return {action["key"]: f"{action['hold']}: {action['detail']}" for action in session.plan()["held"]}


@pytest.mark.case("38g")
@pytest.mark.parametrize(
    ("spec", "hidden", "part"),
    [
        (UEFI, "/usr/share/qemu/firmware", "UEFI firmware for its architecture and machine type"),
        (TPM, "/usr/bin/swtpm", "a TPM emulator"),
    ],
)
def test_missing_component_is_named_in_the_plan_and_other_objects_are_changed(
    session: Session, spec: dict[str, Any], hidden: str, part: str
) -> None:
    write_guest(session, "needy", spec)
    write_guest(session, "plain", PLAIN)

    with without(session.lab, hidden):
        assert held(session) == {
            "Domain/needy": f"host: it needs {part}, which libvirt does not find on the host"
        }
        assert session.apply().exit_code == 3

    assert session.lab.virsh("list", "--all", "--name").split() == ["plain"]


@pytest.mark.case("38g")
def test_edit_that_needs_a_missing_component_is_not_stored(session: Session) -> None:
    write_guest(session, "web", PLAIN)
    session.converge()
    before = session.lab.virsh("dumpxml", "web")
    write_guest(session, "web", TPM)

    with without(session.lab, "/usr/bin/swtpm"):
        assert "a TPM emulator" in held(session)["Domain/web"]
        session.apply()

    assert session.lab.virsh("dumpxml", "web") == before


@pytest.mark.case("38g")
def test_guest_whose_component_was_removed_is_not_stopped_for_a_restart(session: Session) -> None:
    """A missing component that is stored already does not prevent other edits, and no start is attempted that must fail."""
    write_guest(session, "web", UEFI)
    if held(session):
        pytest.skip("this host lacks UEFI firmware")
    session.converge()

    with without(session.lab, "/usr/share/qemu/firmware"):
        write_guest(session, "web", {**UEFI, "state": "running"})
        assert "UEFI firmware" in held(session)["Domain/web"]
        write_guest(session, "web", {**UEFI, "autostart": True})
        assert not held(session)

    session.converge()
    session.assert_in_sync()


@pytest.mark.case("37")
def test_network_is_held_while_the_host_has_a_device_with_the_name_of_its_bridge(session: Session) -> None:
    session.write("lan.yaml", NETWORK)
    session.lab.exec("ip", "link", "add", "virbr9", "type", "bridge")

    assert (
        "the host has a network device virbr9; libvirt cannot create the bridge"
        in held(session)["Network/lan"]
    )
    assert session.apply().exit_code == 3

    session.lab.exec("ip", "link", "delete", "virbr9")
    session.converge()
    assert held(session) == {}


def apply_on_the_machine(session: Session, *words: str) -> str:
    """Apply the specs from inside the lab, because files, devices and routes are checked only there; return the output."""
    program = (sys.executable, "-m", "kvmreconcile", "--connect", "qemu:///system")
    here = ("--state", str(session.state), "apply", "--yes", str(session.specs), *words)
    return session.lab.exec("sh", "-c", '"$@" 2>&1 || echo "exit code $?"', "sh", *program, *here)


@pytest.mark.case("38g")
def test_guest_on_a_missing_bridge_is_held_until_the_bridge_exists_or_the_plan_is_approved(
    session: Session,
) -> None:
    write_guest(
        session, "web", {**PLAIN, "state": "running", "interfaces": [{"name": "lan", "bridge": "br9"}]}
    )

    held = apply_on_the_machine(session)

    assert "the host has no bridge br9" in held
    assert "exit code 3" in held
    assert session.lab.virsh("list", "--all", "--name").split() == []
    digest = re.findall(r"Plan (\w+)", held)[-1]
    assert "Cannot get interface MTU on 'br9'" in apply_on_the_machine(session, "--approve", digest)
    session.lab.exec("ip", "link", "add", "br9", "type", "bridge")
    assert "exit code" not in apply_on_the_machine(session)
    assert session.lab.virsh("domstate", "web").strip() == "running"


@pytest.mark.case("38g")
def test_guest_whose_image_is_missing_is_held_until_the_image_exists(
    session: Session, tmp_path: Path
) -> None:
    # Paths below /tmp are not checked.
    image = Path("/srv") / f"kvmreconcile-{tmp_path.name}.raw"
    if not Files().lacks(image):
        pytest.skip("/srv is on no local file system")
    write_guest(
        session, "web", {**PLAIN, "state": "running", "disks": [{"name": "root", "file": str(image)}]}
    )

    held = apply_on_the_machine(session)

    assert f"its image {image} does not exist" in held
    assert session.lab.virsh("list", "--all", "--name").split() == []
    try:
        image.write_bytes(bytes(1 << 20))
        assert "exit code" not in apply_on_the_machine(session)
        assert session.lab.virsh("domstate", "web").strip() == "running"
    finally:
        session.lab.virsh("destroy", "web")
        image.unlink()


@pytest.mark.case("37")
def test_network_is_held_while_the_host_has_a_route_to_its_subnet(session: Session, lab: Lab) -> None:
    session.write("lan.yaml", NETWORK)
    lab.exec("ip", "link", "add", "uplink", "type", "bridge")
    lab.exec("ip", "address", "add", "192.0.2.129/25", "dev", "uplink")
    lab.exec("ip", "link", "set", "uplink", "up")

    held = apply_on_the_machine(session)

    assert "the host's route 192.0.2.128/25 dev uplink conflicts with the subnet 192.0.2.0/24" in held
    assert "exit code 3" in held
    lab.exec("ip", "link", "delete", "uplink")
    assert "exit code" not in apply_on_the_machine(session)
    assert lab.virsh("net-list", "--name").split() == ["lan"]
    assert "exit code" not in apply_on_the_machine(session)
