"""Converge a host to its specs by commands alone."""

import json
from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, ask_agent, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.live_rows import Guest
from tests.lab.session import ORDER, Session
from tests.waiting import wait_until


@pytest.fixture
def session(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> Session:
    """An empty host, and the specs of the small session."""
    session = Session(lab, tmp_path)
    session.populate(guest_files)
    return session


def small(session: Session) -> Session:
    """Return the session with the stopped guest only, where starting one is not the point."""
    (session.specs / "web1.yaml").unlink()
    return session


def addresses(session: Session) -> str:
    """Return what the guest prints of its interfaces."""
    return json.dumps(ask_agent(session.lab, "web1", "guest-network-get-interfaces"))


def test_plan_for_an_empty_host_lists_all_objects_in_order(session: Session) -> None:
    plan = session.plan()

    assert tuple(dict.fromkeys(a["key"] for a in plan["actions"])) == ORDER
    assert plan["summary"]["create"] == len(ORDER)
    assert {a["verb"] for a in plan["actions"]} == {"create", "build", "autostart", "start"}
    assert {a["reason"] for a in plan["actions"]} == {"new"}
    assert session.lab.virsh("list", "--all", "--name").split() == []
    assert not session.state.exists()


def test_apply_creates_everything_and_a_second_apply_does_nothing(session: Session) -> None:
    session.converge()

    session.assert_in_sync()
    wait_for_agent(session.lab, "web1")
    wait_until(lambda: "192.0.2.21" in addresses(session), "web1 has its address")
    assert session.lab.virsh("domstate", "db1").strip() == "shut off"
    before = session.lab.virsh("dumpxml", "web1")

    again = session.converge()

    assert "\nNothing to do" in again.stdout
    assert session.lab.virsh("dumpxml", "web1") == before
    session.assert_in_sync()


def test_exit_status_shows_whether_changes_problems_or_held_actions_remain(session: Session) -> None:
    small(session)
    command = ("plan", str(session.specs), "--detailed-exitcode")

    assert session.run(*command).exit_code == 3
    assert session.run("apply", str(session.specs)).exit_code == 1
    assert session.apply().exit_code == 0
    assert session.run(*command).exit_code == 0
    session.edit("images.yaml", "{name: spare}", "{name: spare}\nspecial: 1")
    assert session.run(*command).exit_code == 1
    assert session.run("validate", str(session.specs)).exit_code == 1


def test_only_named_objects_are_changed(session: Session) -> None:
    small(session).converge()
    session.edit("db1.yaml", "The database", "Another")
    session.edit("lan.yaml", "autostart: true", "autostart: false")

    session.converge("--only", "Network/lan")

    assert session.drift() == ["Domain/db1 define", "Domain/db1 ~ title"]
    session.converge()
    session.assert_in_sync()


def test_costly_change_is_held_until_its_plan_is_approved(session: Session) -> None:
    small(session).converge()
    session.edit("db1.yaml", "spec:\n", "spec:\n  uuid: 11111111-2222-4333-8444-555555555555\n")
    session.edit("db1.yaml", "state: stopped", "state: running")

    held = session.apply()

    assert held.exit_code == 3
    assert "--approve" in held.stdout
    assert session.lab.virsh("domstate", "db1").strip() == "shut off"

    plan = session.plan()
    wrong = session.apply("--approve", "0" * 12)
    right = session.run("apply", str(session.specs), "--approve", plan["digest"])

    assert {h["hold"] for h in plan["held"]} == {"effect"}
    assert wrong.exit_code == 1
    assert "nothing was done" in wrong.stderr
    assert right.exit_code == 0, right.output
    assert session.lab.virsh("domuuid", "db1").strip() == "11111111-2222-4333-8444-555555555555"
    assert session.lab.virsh("domstate", "db1").strip() == "running"
    session.assert_in_sync()


def test_edit_of_a_running_guest_is_applied_live_where_possible(session: Session) -> None:
    session.converge()
    wait_for_agent(session.lab, "web1")
    session.edit("web1.yaml", "title: The web", "title: Another")
    session.edit("web1.yaml", "memory: 128MiB", "memory: 160MiB")
    session.edit("web1.yaml", "count: 1, maximum: 2", "count: 2, maximum: 2")
    session.edit("web1.yaml", "  interfaces:\n", "  interfaces:\n    - {name: second, network: lan}\n")
    session.edit("web1.yaml", "    - {name: data, volume: {pool: images, name: data}}\n", "")

    effects = {c["path"]: a["effect"] for a in session.plan()["actions"] for c in a["changes"]}
    session.converge()

    assert effects == {
        "memory": "next-boot",
        "currentMemory": "next-boot",
        "title": "live",
        "vcpu/@current": "live",
        "devices/interface[second]": "live",
        "devices/disk[data]": "live",
    }
    plan = session.plan()
    assert plan["empty"]
    assert [c["path"] for c in plan["pending"]["Domain/web1"]] == ["memory", "currentMemory"]
    running = session.lab.virsh("dumpxml", "web1")
    assert "ua-second" in running
    assert "ua-data" not in running
    assert "<title>Another</title>" in running
    wait_until(lambda: Guest(session, "web1").has_processors(2), "the guest has its second CPU")

    session.lab.virsh("destroy", "web1")
    session.converge()

    session.assert_in_sync()


def test_guest_is_restarted_if_the_spec_allows_it(session: Session) -> None:
    session.edit("web1.yaml", "spec:\n", "spec:\n  update: {maxEffect: restart}\n")
    session.converge()
    wait_for_agent(session.lab, "web1")
    session.edit("web1.yaml", "console=ttyS0 quiet", "console=ttyS0 quiet x=y")

    verbs = [a["verb"] for a in session.plan()["actions"]]
    session.converge()

    assert verbs == ["define", "restart"]
    session.assert_in_sync()
    assert "x=y" in session.lab.virsh("dumpxml", "web1")
