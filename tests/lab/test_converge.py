"""From specs to a host that is as they say, by the commands alone."""

import json
from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, ask_agent, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.site import ORDER, Site
from tests.waiting import wait_until


@pytest.fixture
def site(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> Site:
    """An empty host, and the specs of the small site."""
    site = Site(lab, tmp_path)
    site.populate(guest_files)
    return site


def small(site: Site) -> Site:
    """Return the site with the stopped guest only, where starting one is not the point."""
    (site.specs / "web1.yaml").unlink()
    return site


def addresses(site: Site) -> str:
    """Return all that the guest says of its interfaces."""
    return json.dumps(ask_agent(site.lab, "web1", "guest-network-get-interfaces"))


def test_plan_for_an_empty_host_names_everything_in_order(site: Site) -> None:
    plan = site.plan()

    assert tuple(dict.fromkeys(a["key"] for a in plan["actions"])) == ORDER
    assert plan["summary"]["create"] == len(ORDER)
    assert {a["verb"] for a in plan["actions"]} == {"create", "build", "autostart", "start"}
    assert {a["reason"] for a in plan["actions"]} == {"new"}
    assert site.lab.virsh("list", "--all", "--name").split() == []
    assert not site.state.exists()


def test_apply_makes_all_of_it_and_a_second_one_does_nothing(site: Site) -> None:
    site.converge()

    site.assert_in_sync()
    wait_for_agent(site.lab, "web1")
    wait_until(lambda: "192.0.2.21" in addresses(site), "web1 has its address")
    assert site.lab.virsh("domstate", "db1").strip() == "shut off"
    before = site.lab.virsh("dumpxml", "web1")

    again = site.converge()

    assert "\nNothing to do" in again.stdout
    assert site.lab.virsh("dumpxml", "web1") == before
    site.assert_in_sync()


def test_exit_statuses_tell_what_is_left(site: Site) -> None:
    small(site)
    look = ("plan", str(site.specs), "--detailed-exitcode")

    assert site.run(*look).exit_code == 3
    assert site.run("apply", str(site.specs)).exit_code == 1
    assert site.apply().exit_code == 0
    assert site.run(*look).exit_code == 0
    site.edit("images.yaml", "{name: spare}", "{name: spare}\nspecial: 1")
    assert site.run(*look).exit_code == 1
    assert site.run("validate", str(site.specs)).exit_code == 1


def test_only_touches_what_was_named(site: Site) -> None:
    small(site).converge()
    site.edit("db1.yaml", "The database", "Another")
    site.edit("lan.yaml", "autostart: true", "autostart: false")

    site.converge("--only", "Network/lan")

    assert site.drift() == ["Domain/db1 define", "Domain/db1 ~ title"]
    site.converge()
    site.assert_in_sync()


def test_costly_change_is_held_until_its_plan_is_approved(site: Site) -> None:
    small(site).converge()
    site.edit("db1.yaml", "spec:\n", "spec:\n  uuid: 11111111-2222-4333-8444-555555555555\n")
    site.edit("db1.yaml", "state: stopped", "state: running")

    held = site.apply()

    assert held.exit_code == 3
    assert "--approve" in held.stdout
    assert site.lab.virsh("domstate", "db1").strip() == "shut off"

    plan = site.plan()
    wrong = site.apply("--approve", "0" * 12)
    right = site.run("apply", str(site.specs), "--approve", plan["digest"])

    assert {h["hold"] for h in plan["held"]} == {"effect"}
    assert wrong.exit_code == 1
    assert "nothing was done" in wrong.stderr
    assert right.exit_code == 0, right.output
    assert site.lab.virsh("domuuid", "db1").strip() == "11111111-2222-4333-8444-555555555555"
    assert site.lab.virsh("domstate", "db1").strip() == "running"
    site.assert_in_sync()


def test_edit_of_a_running_guest_is_in_force_as_far_as_it_can_be(site: Site) -> None:
    site.converge()
    wait_for_agent(site.lab, "web1")
    site.edit("web1.yaml", "title: The web", "title: Another")
    site.edit("web1.yaml", "memory: 128MiB", "memory: 160MiB")
    site.edit("web1.yaml", "count: 1, maximum: 2", "count: 2, maximum: 2")
    site.edit("web1.yaml", "  interfaces:\n", "  interfaces:\n    - {name: second, network: lan}\n")
    site.edit("web1.yaml", "    - {name: data, volume: {pool: images, name: data}}\n", "")

    effects = {c["path"]: a["effect"] for a in site.plan()["actions"] for c in a["changes"]}
    site.converge()

    assert effects == {
        "memory": "next-boot",
        "currentMemory": "next-boot",
        "title": "live",
        "vcpu/@current": "live",
        "devices/interface[second]": "live",
        "devices/disk[data]": "live",
    }
    plan = site.plan()
    assert plan["empty"]
    assert [c["path"] for c in plan["pending"]["Domain/web1"]] == ["memory", "currentMemory"]
    running = site.lab.virsh("dumpxml", "web1")
    assert "ua-second" in running
    assert "ua-data" not in running
    assert "<title>Another</title>" in running
    wait_until(lambda: Guest(site, "web1").has_processors(2), "the guest has its second CPU")

    site.lab.virsh("destroy", "web1")
    site.converge()

    site.assert_in_sync()


def test_restart_is_done_where_the_spec_allows_it(site: Site) -> None:
    site.edit("web1.yaml", "spec:\n", "spec:\n  update: {maxEffect: restart}\n")
    site.converge()
    wait_for_agent(site.lab, "web1")
    site.edit("web1.yaml", "console=ttyS0 quiet", "console=ttyS0 quiet x=y")

    verbs = [a["verb"] for a in site.plan()["actions"]]
    site.converge()

    assert verbs == ["define", "restart"]
    site.assert_in_sync()
    assert "x=y" in site.lab.virsh("dumpxml", "web1")
