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
from tests.lab.site import NETWORK, Site
from tests.lab.test_refusals import say

PLAIN: dict[str, Any] = {"type": "qemu", "memory": "64MiB", "state": "stopped"}
UEFI = {**PLAIN, "firmware": "efi"}
TPM = {**PLAIN, "tpm": {"version": "2.0"}}


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Site:
    return Site(lab, tmp_path)


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


def held(site: Site) -> dict[str, str]:
    """Return what is held, and why, by its key."""
    return {action["key"]: f"{action['hold']}: {action['detail']}" for action in site.plan()["held"]}


@pytest.mark.case("38g")
@pytest.mark.parametrize(
    ("spec", "hidden", "part"),
    [
        (UEFI, "/usr/share/qemu/firmware", "UEFI firmware for its architecture and machine type"),
        (TPM, "/usr/bin/swtpm", "a TPM emulator"),
    ],
)
def test_missing_component_is_named_in_the_plan_and_other_actions_run(
    site: Site, spec: dict[str, Any], hidden: str, part: str
) -> None:
    say(site, "needy", spec)
    say(site, "plain", PLAIN)

    with without(site.lab, hidden):
        assert held(site) == {
            "Domain/needy": f"host: it needs {part}, which libvirt does not find on the host"
        }
        assert site.apply().exit_code == 3

    assert site.lab.virsh("list", "--all", "--name").split() == ["plain"]


@pytest.mark.case("38g")
def test_edit_that_needs_a_missing_component_is_not_stored(site: Site) -> None:
    say(site, "web", PLAIN)
    site.converge()
    before = site.lab.virsh("dumpxml", "web")
    say(site, "web", TPM)

    with without(site.lab, "/usr/bin/swtpm"):
        assert "a TPM emulator" in held(site)["Domain/web"]
        site.apply()

    assert site.lab.virsh("dumpxml", "web") == before


@pytest.mark.case("38g")
def test_guest_whose_component_was_removed_is_not_stopped_for_a_restart(site: Site) -> None:
    """What is stored already keeps no edit from being stored, and nothing is started that cannot be."""
    say(site, "web", UEFI)
    if held(site):
        pytest.skip("this host lacks UEFI firmware")
    site.converge()

    with without(site.lab, "/usr/share/qemu/firmware"):
        say(site, "web", {**UEFI, "state": "running"})
        assert "UEFI firmware" in held(site)["Domain/web"]
        say(site, "web", {**UEFI, "autostart": True})
        assert not held(site)

    site.converge()
    site.assert_in_sync()


@pytest.mark.case("37")
def test_network_is_held_while_the_host_has_a_device_of_its_bridges_name(site: Site) -> None:
    site.write("lan.yaml", NETWORK)
    site.lab.exec("ip", "link", "add", "virbr9", "type", "bridge")

    assert (
        "the host has a network device virbr9; libvirt cannot create the bridge" in held(site)["Network/lan"]
    )
    assert site.apply().exit_code == 3

    site.lab.exec("ip", "link", "delete", "virbr9")
    site.converge()
    assert held(site) == {}


def apply_on_the_machine(site: Site, *words: str) -> str:
    """Apply the specs from inside the lab, whose files, devices and routes are looked up only there; return what is said."""
    program = (sys.executable, "-m", "kvmreconcile", "--connect", "qemu:///system")
    here = ("--state", str(site.state), "apply", "--yes", str(site.specs), *words)
    return site.lab.exec("sh", "-c", '"$@" 2>&1 || echo "exit code $?"', "sh", *program, *here)


@pytest.mark.case("38g")
def test_guest_on_a_missing_bridge_is_held_until_the_host_has_it_or_it_is_approved(site: Site) -> None:
    say(site, "web", {**PLAIN, "state": "running", "interfaces": [{"name": "lan", "bridge": "br9"}]})

    held = apply_on_the_machine(site)

    assert "the host has no bridge br9" in held
    assert "exit code 3" in held
    assert site.lab.virsh("list", "--all", "--name").split() == []
    digest = re.findall(r"Plan (\w+)", held)[-1]
    assert "Cannot get interface MTU on 'br9'" in apply_on_the_machine(site, "--approve", digest)
    site.lab.exec("ip", "link", "add", "br9", "type", "bridge")
    assert "exit code" not in apply_on_the_machine(site)
    assert site.lab.virsh("domstate", "web").strip() == "running"


@pytest.mark.case("38g")
def test_guest_whose_image_is_missing_is_held_until_it_is_there(site: Site, tmp_path: Path) -> None:
    # Below /tmp nothing is looked up.
    image = Path("/srv") / f"kvmreconcile-{tmp_path.name}.raw"
    if not Files().lacks(image):
        pytest.skip("/srv is on no local file system")
    say(site, "web", {**PLAIN, "state": "running", "disks": [{"name": "root", "file": str(image)}]})

    held = apply_on_the_machine(site)

    assert f"its image {image} does not exist" in held
    assert site.lab.virsh("list", "--all", "--name").split() == []
    try:
        image.write_bytes(bytes(1 << 20))
        assert "exit code" not in apply_on_the_machine(site)
        assert site.lab.virsh("domstate", "web").strip() == "running"
    finally:
        site.lab.virsh("destroy", "web")
        image.unlink()


@pytest.mark.case("37")
def test_network_is_held_while_the_host_has_a_route_to_its_subnet(site: Site, lab: Lab) -> None:
    site.write("lan.yaml", NETWORK)
    lab.exec("ip", "link", "add", "uplink", "type", "bridge")
    lab.exec("ip", "address", "add", "192.0.2.129/25", "dev", "uplink")
    lab.exec("ip", "link", "set", "uplink", "up")

    held = apply_on_the_machine(site)

    assert "the host's route 192.0.2.128/25 dev uplink conflicts with the subnet 192.0.2.0/24" in held
    assert "exit code 3" in held
    lab.exec("ip", "link", "delete", "uplink")
    assert "exit code" not in apply_on_the_machine(site)
    assert lab.virsh("net-list", "--name").split() == ["lan"]
    assert "exit code" not in apply_on_the_machine(site)
