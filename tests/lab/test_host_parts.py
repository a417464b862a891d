"""A guest needs a host component that is missing: the plan says so, and other actions run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab
from tests.lab.site import Site
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
        (UEFI, "/usr/share/qemu/firmware", "UEFI firmware"),
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
