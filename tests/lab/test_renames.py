"""A document whose name is edited: its guest is renamed with all it has, or left alone, and its data stays."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.session import NETWORK, VOLUME, Session
from tests.lab.test_kill import kill_after_each_effect
from tests.lab.test_snapshots import HELD, guest, read, write
from tests.waiting import wait_until

__all__ = ["guest"]

OLD, NEW = "name: web1", "name: shop1"


def uuid_of(session: Session, name: str) -> str:
    return session.lab.virsh("domuuid", name).strip()


def guests(session: Session) -> list[str]:
    return sorted(session.lab.virsh("list", "--all", "--name").split())


def off(session: Session, name: str) -> None:
    session.lab.virsh("shutdown", "--mode", "acpi", name)
    wait_until(lambda: session.lab.virsh("domstate", name).strip() == "shut off", "it is off")


def rename(session: Session, *, with_uuid: bool) -> None:
    """Give the guest another name in its spec; adopted specs have a UUID, others have none."""
    uuid = f"\nspec:\n  uuid: {uuid_of(session, 'web1')}" if with_uuid else "\nspec:"
    session.edit("web1.yaml", f"metadata: {{{OLD}}}\nspec:", f"metadata: {{{NEW}}}{uuid}")


@pytest.mark.case("6a")
@pytest.mark.case("6b")
@pytest.mark.parametrize("with_uuid", [True, False])
def test_renamed_guest_keeps_running_and_gets_its_new_name_when_it_is_off(
    guest: Guest, *, with_uuid: bool
) -> None:
    session, boot, uuid = guest.session, guest.boot, uuid_of(guest.session, "web1")
    write(guest, "precious")
    rename(session, with_uuid=with_uuid)

    plan = session.plan()
    result = session.apply("--prune", "auto", "--approve", plan["digest"])

    assert [(h["key"], h["verb"], h["hold"]) for h in plan["held"]] == [("Domain/shop1", "rename", "rename")]
    assert plan["actions"] == []
    assert result.exit_code == HELD, result.output
    assert "libvirt can rename it only while it is off" in result.output
    assert (guests(session), guest.boot, read(guest)) == (["web1"], boot, "precious")

    off(session, "web1")
    session.converge("--prune", "auto")

    assert (guests(session), uuid_of(session, "shop1")) == (["shop1"], uuid)
    session.assert_in_sync()
    wait_for_agent(session.lab, "shop1")
    renamed = replace(guest, name="shop1")
    assert renamed.boot != boot
    assert read(renamed) == "precious"


@pytest.mark.case("6b")
def test_snapshots_and_autostart_of_a_renamed_guest_are_kept(guest: Guest) -> None:
    session = guest.session
    off(session, "web1")
    session.lab.virsh("snapshot-create-as", "web1", "before")
    session.edit("web1.yaml", "  title: One", "  title: One\n  autostart: true\n  state: any")
    session.converge()
    rename(session, with_uuid=False)
    session.edit("web1.yaml", "title: One", "title: Two")

    session.converge()

    assert guests(session) == ["shop1"]
    assert session.lab.virsh("snapshot-list", "shop1", "--name").split() == ["before"]
    assert session.lab.virsh("list", "--all", "--autostart", "--name").split() == ["shop1"]
    assert session.lab.virsh("desc", "shop1", "--title").strip() == "Two"
    session.assert_in_sync()
    # Without a spec it is recognized as managed by its new name.
    (session.specs / "web1.yaml").unlink()
    assert session.drift() == ["Domain/shop1 remove", "Domain/shop1 -"]


def test_guest_renamed_by_virsh_gets_its_name_back(guest: Guest) -> None:
    session = guest.session
    off(session, "web1")
    session.lab.virsh("domrename", "web1", "shop1")

    assert session.drift()[0] == "Domain/web1 rename"
    session.converge()

    assert guests(session) == ["web1"]
    session.assert_in_sync()


@pytest.mark.case("6b")
def test_guest_whose_memory_is_saved_keeps_its_name(guest: Guest) -> None:
    guest.virsh("managedsave")
    rename(guest.session, with_uuid=False)

    assert [(h["verb"], h["hold"]) for h in guest.session.plan()["held"]] == [("rename", "rename")]
    assert guest.session.apply().exit_code == HELD
    assert guests(guest.session) == ["web1"]


@pytest.mark.case("6a")
@pytest.mark.timeout(600)
@pytest.mark.full
def test_apply_killed_while_it_renames_a_guest_converges_in_the_next_run(
    lab: Lab, guest_files: GuestFiles, tmp_path: Path
) -> None:
    session = Session(lab, tmp_path)
    session.populate(guest_files)
    session.edit("web1.yaml", "spec:\n", "spec:\n  state: stopped\n")
    first = session.directory / "first"
    shutil.copytree(session.specs, first)
    session.edit("web1.yaml", OLD, NEW)
    session.edit("web1.yaml", "title: The web", "title: The shop")

    uuids: set[str] = set()

    def as_before(session: Session) -> None:
        lab.reset()
        shutil.rmtree(session.state, ignore_errors=True)
        after = session.directory / "after"
        session.specs.rename(after)
        shutil.copytree(first, session.specs)
        session.converge()
        uuids.add(uuid_of(session, "web1"))
        shutil.rmtree(session.specs)
        after.rename(session.specs)

    deaths = kill_after_each_effect(session, 1, as_before, "--prune", "auto")

    assert deaths >= 4
    assert {uuid_of(session, "shop1")} == uuids
    assert guests(session) == ["db1", "shop1"]


@pytest.mark.case("6c")
def test_network_in_use_keeps_its_name_until_it_is_removed_by_hand(
    lab: Lab, guest_files: GuestFiles, tmp_path: Path
) -> None:
    session = Session(lab, tmp_path)
    session.populate(guest_files)
    session.converge()
    wait_for_agent(lab, "web1")
    guest = Guest(session, "web1")
    boot = guest.boot
    session.edit("lan.yaml", "name: lan", "name: office")
    for name in ("web1.yaml", "db1.yaml"):
        session.edit(name, "network: lan", "network: office")

    plan = session.plan()
    result = session.apply("--approve", plan["digest"])

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
    session.converge()

    assert lab.virsh("net-list", "--name").split() == ["office"]
    session.assert_in_sync()
    assert guest.boot == boot
    assert guest.sh("ping -c 1 -W 5 192.0.2.1 >/dev/null && echo yes") == "yes"


@pytest.mark.case("6c")
def test_unused_network_is_removed_and_created_under_its_new_name(lab: Lab, tmp_path: Path) -> None:
    session = Session(lab, tmp_path)
    session.write("lan.yaml", NETWORK)
    session.converge()
    session.edit("lan.yaml", "name: lan", "name: office")

    plan = session.plan()
    session.converge("--approve", plan["digest"])

    assert {(h["key"], h["hold"]) for h in plan["held"]} == {
        ("Network/office", "rename"),
        ("Network/lan", "prune"),
    }
    assert lab.virsh("net-list", "--name").split() == ["office"]
    session.assert_in_sync()


@pytest.mark.case("4c")
def test_guest_keeps_its_data_if_a_volume_and_its_disk_are_renamed(guest: Guest) -> None:
    session, boot = guest.session, guest.boot
    write(guest, "precious")
    session.edit("host.yaml", "name: data.qcow2", "name: fresh.qcow2")
    session.edit("web1.yaml", "name: data.qcow2", "name: fresh.qcow2")

    plan = session.plan()
    assert session.apply().exit_code == HELD

    held = {(h["key"], h["verb"]): h for h in plan["held"]}
    assert plan["actions"] == []
    for what in (("Volume/images/fresh.qcow2", "create"), ("Domain/web1", "define")):
        assert (
            "Volume/images/data.qcow2 seems to be renamed to Volume/images/fresh.qcow2"
            in held[what]["detail"]
        )
    assert held["Domain/web1", "define"]["effect"] == "data-loss"
    assert "fresh.qcow2" not in session.lab.virsh("vol-list", "images")
    assert (guest.boot, read(guest)) == (boot, "precious")
    off(session, "web1")
    session.apply()
    wait_for_agent(session.lab, "web1")
    assert guest.boot != boot
    assert read(guest) == "precious"

    # Follow the remedy in the plan.
    off(session, "web1")
    session.lab.exec("sh", "-c", f"cd {session.lab.path}/images/pool && mv data.qcow2 fresh.qcow2")
    session.lab.virsh("pool-refresh", "images")
    session.converge()
    wait_for_agent(session.lab, "web1")
    assert read(guest) == "precious"
    session.assert_in_sync()


@pytest.mark.case("4c")
def test_disk_is_moved_to_an_empty_volume_only_with_approval(guest: Guest) -> None:
    session = guest.session
    write(guest, "precious")
    session.write("fresh.yaml", VOLUME.format(name="fresh"))
    session.edit("web1.yaml", "name: data.qcow2", "name: fresh")
    off(session, "web1")

    plan = session.plan()
    session.apply()
    wait_for_agent(session.lab, "web1")

    assert {(h["key"], h["hold"]) for h in plan["held"]} >= {
        ("Volume/images/fresh", "effect"),
        ("Domain/web1", "broken"),
    }
    assert read(guest) == "precious"
    off(session, "web1")
    session.apply("--approve", session.plan()["digest"])
    wait_for_agent(session.lab, "web1")
    assert "fresh" in guest.virsh("domblklist")
    assert read(guest) == ""
