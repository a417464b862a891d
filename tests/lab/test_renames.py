"""A document that gets another name: its guest is renamed with all it has, or left alone, and its data stays."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.site import NETWORK, VOLUME, Site
from tests.lab.test_kill import killed_everywhere
from tests.lab.test_snapshots import HELD, guest, read, write
from tests.waiting import wait_until

__all__ = ["guest"]

OLD, NEW = "name: web1", "name: shop1"


def uuid_of(site: Site, name: str) -> str:
    return site.lab.virsh("domuuid", name).strip()


def guests(site: Site) -> list[str]:
    return sorted(site.lab.virsh("list", "--all", "--name").split())


def off(site: Site, name: str) -> None:
    site.lab.virsh("shutdown", "--mode", "acpi", name)
    wait_until(lambda: site.lab.virsh("domstate", name).strip() == "shut off", "it is off")


def rename(site: Site, *, with_uuid: bool) -> None:
    """Give the guest another name in its spec; adopted specs have a UUID, others have none."""
    uuid = f"\nspec:\n  uuid: {uuid_of(site, 'web1')}" if with_uuid else "\nspec:"
    site.edit("web1.yaml", f"metadata: {{{OLD}}}\nspec:", f"metadata: {{{NEW}}}{uuid}")


@pytest.mark.case("6a")
@pytest.mark.case("6b")
@pytest.mark.parametrize("with_uuid", [True, False])
def test_renamed_guest_keeps_running_and_takes_its_name_once_it_is_off(
    guest: Guest, *, with_uuid: bool
) -> None:
    site, boot, uuid = guest.site, guest.boot, uuid_of(guest.site, "web1")
    write(guest, "precious")
    rename(site, with_uuid=with_uuid)

    plan = site.plan()
    result = site.apply("--prune", "auto", "--approve", plan["digest"])

    assert [(h["key"], h["verb"], h["hold"]) for h in plan["held"]] == [("Domain/shop1", "rename", "rename")]
    assert plan["actions"] == []
    assert result.exit_code == HELD, result.output
    assert "libvirt can rename it only while it is off" in result.output
    assert (guests(site), guest.boot, read(guest)) == (["web1"], boot, "precious")

    off(site, "web1")
    site.converge("--prune", "auto")

    assert (guests(site), uuid_of(site, "shop1")) == (["shop1"], uuid)
    site.assert_in_sync()
    wait_for_agent(site.lab, "shop1")
    renamed = replace(guest, name="shop1")
    assert renamed.boot != boot
    assert read(renamed) == "precious"


@pytest.mark.case("6b")
def test_what_belongs_to_a_guest_gets_its_new_name_as_well(guest: Guest) -> None:
    site = guest.site
    off(site, "web1")
    site.lab.virsh("snapshot-create-as", "web1", "before")
    site.edit("web1.yaml", "  title: One", "  title: One\n  autostart: true\n  state: any")
    site.converge()
    rename(site, with_uuid=False)
    site.edit("web1.yaml", "title: One", "title: Two")

    site.converge()

    assert guests(site) == ["shop1"]
    assert site.lab.virsh("snapshot-list", "shop1", "--name").split() == ["before"]
    assert site.lab.virsh("list", "--all", "--autostart", "--name").split() == ["shop1"]
    assert site.lab.virsh("desc", "shop1", "--title").strip() == "Two"
    site.assert_in_sync()
    # What no spec names any more is known as ours by its new name.
    (site.specs / "web1.yaml").unlink()
    assert site.drift() == ["Domain/shop1 remove", "Domain/shop1 -"]


def test_guest_that_virsh_has_renamed_gets_its_name_back(guest: Guest) -> None:
    site = guest.site
    off(site, "web1")
    site.lab.virsh("domrename", "web1", "shop1")

    assert site.drift()[0] == "Domain/web1 rename"
    site.converge()

    assert guests(site) == ["web1"]
    site.assert_in_sync()


@pytest.mark.case("6b")
def test_guest_whose_memory_is_saved_keeps_its_name(guest: Guest) -> None:
    guest.virsh("managedsave")
    rename(guest.site, with_uuid=False)

    assert [(h["verb"], h["hold"]) for h in guest.site.plan()["held"]] == [("rename", "rename")]
    assert guest.site.apply().exit_code == HELD
    assert guests(guest.site) == ["web1"]


@pytest.mark.case("6a")
@pytest.mark.timeout(600)
@pytest.mark.full
def test_killed_while_a_guest_is_renamed(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> None:
    site = Site(lab, tmp_path)
    site.populate(guest_files)
    site.edit("web1.yaml", "spec:\n", "spec:\n  state: stopped\n")
    first = site.directory / "first"
    shutil.copytree(site.specs, first)
    site.edit("web1.yaml", OLD, NEW)
    site.edit("web1.yaml", "title: The web", "title: The shop")

    uuids: set[str] = set()

    def as_before(site: Site) -> None:
        lab.reset()
        shutil.rmtree(site.state, ignore_errors=True)
        after = site.directory / "after"
        site.specs.rename(after)
        shutil.copytree(first, site.specs)
        site.converge()
        uuids.add(uuid_of(site, "web1"))
        shutil.rmtree(site.specs)
        after.rename(site.specs)

    deaths = killed_everywhere(site, 1, as_before, "--prune", "auto")

    assert deaths >= 4
    assert {uuid_of(site, "shop1")} == uuids
    assert guests(site) == ["db1", "shop1"]


@pytest.mark.case("6c")
def test_network_in_use_keeps_its_name_until_it_is_removed_by_hand(
    lab: Lab, guest_files: GuestFiles, tmp_path: Path
) -> None:
    site = Site(lab, tmp_path)
    site.populate(guest_files)
    site.converge()
    wait_for_agent(lab, "web1")
    guest = Guest(site, "web1")
    boot = guest.boot
    site.edit("lan.yaml", "name: lan", "name: office")
    for name in ("web1.yaml", "db1.yaml"):
        site.edit(name, "network: lan", "network: office")

    plan = site.plan()
    result = site.apply("--approve", plan["digest"])

    held = {(h["key"], h["verb"]): h for h in plan["held"]}
    assert held["Network/office", "create"]["hold"] == "rename"
    assert (
        "objects that refer to Network/lan: Domain/db1, Domain/web1"
        in held["Network/office", "create"]["detail"]
    )
    assert result.exit_code == HELD, result.output
    assert lab.virsh("net-list", "--all", "--name").split() == ["lan"]
    assert guest.boot == boot

    lab.virsh("net-destroy", "lan")
    lab.virsh("net-undefine", "lan")
    site.converge()

    assert lab.virsh("net-list", "--name").split() == ["office"]
    site.assert_in_sync()
    assert guest.boot == boot
    assert guest.sh("ping -c 1 -W 5 192.0.2.1 >/dev/null && echo yes") == "yes"


@pytest.mark.case("6c")
def test_network_that_nobody_uses_is_removed_and_created_under_its_new_name(lab: Lab, tmp_path: Path) -> None:
    site = Site(lab, tmp_path)
    site.write("lan.yaml", NETWORK)
    site.converge()
    site.edit("lan.yaml", "name: lan", "name: office")

    plan = site.plan()
    site.converge("--approve", plan["digest"])

    assert {(h["key"], h["hold"]) for h in plan["held"]} == {
        ("Network/office", "rename"),
        ("Network/lan", "prune"),
    }
    assert lab.virsh("net-list", "--name").split() == ["office"]
    site.assert_in_sync()


@pytest.mark.case("4c")
def test_volume_that_is_renamed_with_its_guests_disk_leaves_the_guest_its_data(guest: Guest) -> None:
    site, boot = guest.site, guest.boot
    write(guest, "precious")
    site.edit("host.yaml", "name: data.qcow2", "name: fresh.qcow2")
    site.edit("web1.yaml", "name: data.qcow2", "name: fresh.qcow2")

    plan = site.plan()
    assert site.apply().exit_code == HELD

    held = {(h["key"], h["verb"]): h for h in plan["held"]}
    assert plan["actions"] == []
    for what in (("Volume/images/fresh.qcow2", "create"), ("Domain/web1", "define")):
        assert (
            "Volume/images/data.qcow2 seems to be renamed to Volume/images/fresh.qcow2"
            in held[what]["detail"]
        )
    assert held["Domain/web1", "define"]["effect"] == "data-loss"
    assert "fresh.qcow2" not in site.lab.virsh("vol-list", "images")
    assert (guest.boot, read(guest)) == (boot, "precious")
    off(site, "web1")
    site.apply()
    wait_for_agent(site.lab, "web1")
    assert guest.boot != boot
    assert read(guest) == "precious"

    # What the plan says to do.
    off(site, "web1")
    site.lab.exec("sh", "-c", f"cd {site.lab.path}/images/pool && mv data.qcow2 fresh.qcow2")
    site.lab.virsh("pool-refresh", "images")
    site.converge()
    wait_for_agent(site.lab, "web1")
    assert read(guest) == "precious"
    site.assert_in_sync()


@pytest.mark.case("4c")
def test_disk_goes_to_an_empty_volume_only_once_that_is_approved(guest: Guest) -> None:
    site = guest.site
    write(guest, "precious")
    site.write("fresh.yaml", VOLUME.format(name="fresh"))
    site.edit("web1.yaml", "name: data.qcow2", "name: fresh")
    off(site, "web1")

    plan = site.plan()
    site.apply()
    wait_for_agent(site.lab, "web1")

    assert {(h["key"], h["hold"]) for h in plan["held"]} >= {
        ("Volume/images/fresh", "effect"),
        ("Domain/web1", "broken"),
    }
    assert read(guest) == "precious"
    off(site, "web1")
    site.apply("--approve", site.plan()["digest"])
    wait_for_agent(site.lab, "web1")
    assert "fresh" in guest.virsh("domblklist")
    assert read(guest) == ""
