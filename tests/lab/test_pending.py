"""Changes that wait for a guest's next start or its maintenance window are listed as pending until then."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.background import Background
from tests.lab.guest import GuestFiles, run_in_guest, wait_for_agent
from tests.lab.lab import Lab, LabError
from tests.lab.live_rows import Guest
from tests.lab.session import Session
from tests.waiting import wait_until

NAME = "calm1"
KEY = f"Domain/{NAME}"
WINDOW_S = 90
"""The longest wait for a maintenance window; it opens at a full minute, and not within half a minute."""


class EditedGuest:
    """A guest whose spec is edited while it runs."""

    def __init__(self, lab: Lab, files: GuestFiles, directory: Path, name: str = NAME) -> None:
        self.session = Session(lab, directory)
        self.guest = Guest(self.session, name)
        boot = {"kernel": str(files.vmlinuz), "initrd": str(files.initrd), "cmdline": "console=ttyS0 quiet"}
        self.spec: dict[str, Any] = {
            "type": "qemu",
            "title": "Calm",
            "memory": "128MiB",
            "vcpus": {"count": 1, "maximum": 2},
            "cpu": {"mode": "custom", "model": "qemu64"},
            "boot": boot,
        }

    def write_spec(self, **fields: object) -> None:
        """Write the fields into its spec."""
        self.spec.update(fields)
        document = {
            "apiVersion": "kvmreconcile/v1",
            "kind": "Domain",
            "metadata": {"name": self.guest.name, "labels": {"tier": "web"}},
            "spec": self.spec,
        }
        self.session.write(f"{self.guest.name}.yaml", yaml.safe_dump(document))

    def start(self, **fields: object) -> str:
        """Start it, and return its boot id."""
        self.write_spec(**fields)
        self.session.converge()
        return self.boots()

    def boots(self) -> str:
        """Wait until it is up, and return its boot id."""
        wait_for_agent(self.session.lab, self.guest.name)
        return self.guest.boot

    def has_booted_since(self, boot: str) -> bool:
        """Return whether it has booted again; while it is down, its agent does not answer."""
        try:
            return self.guest.boot != boot
        except LabError as error:
            print(error)  # for the report of a failed test
            return False

    def pending(self) -> list[str]:
        """Return the paths that wait for its next start."""
        pending = self.session.plan()["pending"]
        assert pending.keys() <= {KEY}
        return sorted(change["path"] for change in pending.get(KEY, ()))


MIXED: Mapping[str, Any] = {
    "title": "Calmer",
    "vcpus": {"count": 2, "maximum": 2},
    "memory": "160MiB",
    "cpu": {"mode": "maximum"},
}
"""An edit with a part that is live, a part that waits and can be observed, and a part that waits and cannot."""
WAITS = ["cpu/@check", "cpu/@match", "cpu/@mode", "cpu/model", "currentMemory", "memory"]


@pytest.fixture
def daemon(edited: EditedGuest, tmp_path: Path) -> Iterator[Background]:
    """A daemon on the guest's specs, not started yet."""
    environment = {
        **os.environ,
        "KVMRECONCILE_CONNECT": edited.session.lab.uri,
        "KVMRECONCILE_STATE": str(edited.session.state),
        "KVMRECONCILE_SPECS": str(edited.session.specs),
        "KVMRECONCILE_RESYNC": "1h",
    }
    process = Background(environment, tmp_path / "log")
    yield process
    process.stop()
    print(process.tail())


@pytest.fixture
def edited(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> EditedGuest:
    """A guest that is not created yet."""
    return EditedGuest(lab, guest_files, tmp_path)


def off(edited: EditedGuest) -> bool:
    return edited.guest.virsh("domstate").strip() == "shut off"


def window(opens_in: timedelta, lasts: str = "1h") -> str:
    """Return a maintenance window that opens after `opens_in`."""
    moment = datetime.now(UTC) + opens_in
    return f"{moment.minute} {moment.hour} {moment.day} {moment.month} * +{lasts}"


def test_each_part_of_an_edit_is_live_or_listed_as_pending_until_a_power_cycle(edited: EditedGuest) -> None:
    boot = edited.start()
    edited.write_spec(**MIXED)

    edited.session.converge()

    assert edited.guest.boot == boot
    assert edited.guest.virsh("desc", "--title").strip() == "Calmer"
    wait_until(lambda: edited.guest.has_processors(2), "the guest has its second CPU")
    assert edited.session.plan()["empty"]
    assert edited.pending() == WAITS
    edited.session.converge()
    assert edited.pending() == WAITS

    # It may be off before its agent has answered, which virsh reports as an error.
    with suppress(LabError):
        edited.guest.virsh("shutdown", "--mode", "agent")
    wait_until(lambda: off(edited), "the guest is off")
    edited.session.converge()

    assert edited.boots() != boot
    wait_until(lambda: not edited.session.drift(), "nothing is left to do")
    edited.session.assert_in_sync()


def test_edit_is_not_applied_until_the_maintenance_window_opens(edited: EditedGuest) -> None:
    boot = edited.start(update={"maxEffect": "restart", "windows": [window(timedelta(hours=12))]})
    before = edited.guest.virsh("dumpxml"), edited.guest.virsh("dumpxml", "--inactive")
    edited.write_spec(**MIXED)

    shut = edited.session.apply()

    assert shut.exit_code == 3
    assert "waits for a maintenance window (opens " in shut.stdout
    assert {h["hold"] for h in edited.session.plan()["held"]} == {"window"}
    assert (edited.guest.virsh("dumpxml"), edited.guest.virsh("dumpxml", "--inactive")) == before
    assert edited.guest.boot == boot

    edited.write_spec(update={"maxEffect": "restart", "windows": [window(timedelta(minutes=-10))]})
    edited.session.converge()

    assert edited.boots() != boot
    assert edited.guest.virsh("desc", "--title").strip() == "Calmer"
    assert edited.guest.has_processors(2)
    wait_until(lambda: not edited.session.drift(), "nothing is left to do")
    edited.session.assert_in_sync()


def reboot_from_inside(edited: EditedGuest) -> str:
    """Have the guest reboot itself, and return its boot id before that."""
    boot = edited.guest.boot
    run_in_guest(edited.session.lab, NAME, "reboot -f")
    return boot


def run_of(edited: EditedGuest) -> str:
    """Return the id of the running guest, which changes at each start, "-" while it is off."""
    return edited.guest.virsh("domid").strip()


def on_reboot(edited: EditedGuest) -> str:
    live = edited.guest.virsh("dumpxml")
    return live.partition("<on_reboot>")[2].partition("</on_reboot>")[0]


def test_guest_reboot_applies_pending_changes_if_the_spec_allows_it(
    edited: EditedGuest, daemon: Background
) -> None:
    edited.start(update={"onGuestReboot": "apply"})
    assert on_reboot(edited) == "restart"
    edited.write_spec(memory="160MiB")
    edited.session.converge()
    assert on_reboot(edited) == "destroy"
    assert edited.pending() == ["currentMemory", "memory"]
    edited.session.converge()

    run = run_of(edited)
    daemon.start()
    before = reboot_from_inside(edited)

    # No agent command until then: libvirt 9.0 may take a command to the one run for a failure of the next
    # one's agent, and then never calls it again.
    wait_until(lambda: run_of(edited) not in (run, "-"), "the guest is started again")
    assert edited.boots() != before
    wait_until(lambda: not edited.session.drift(), "nothing is left to do")
    edited.session.assert_in_sync()
    assert on_reboot(edited) == "restart"


def test_guest_reboot_does_not_apply_pending_changes_by_default(edited: EditedGuest) -> None:
    edited.start()
    edited.write_spec(memory="160MiB")
    edited.session.converge()

    before = reboot_from_inside(edited)

    wait_until(lambda: edited.has_booted_since(before), "the guest has booted again")
    assert edited.pending() == ["currentMemory", "memory"]


def test_reverted_edit_lets_the_guest_reboot_as_before(edited: EditedGuest) -> None:
    edited.start(update={"onGuestReboot": "apply"})
    edited.write_spec(memory="160MiB")
    edited.session.converge()
    edited.write_spec(memory="128MiB")
    edited.session.converge()

    assert on_reboot(edited) == "restart"
    edited.session.assert_in_sync()


def test_guest_is_powered_off_when_its_spec_allows_force_only(edited: EditedGuest) -> None:
    boot = edited.start(
        update={"maxEffect": "restart", "shutdown": {"agent": False, "acpi": False, "force": True}}
    )
    edited.write_spec(memory="160MiB")

    edited.session.converge()

    assert edited.boots() != boot


def held_since_and_done(daemon: Background) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the daemon's log lines about the hold for a window and about the restart; None until both exist."""
    text = daemon.log.read_text()
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    held = [x for x in lines if x["event"] == "object.held" and x["why"] == "waits for a maintenance window"]
    done = [x for x in lines if x["event"] == "action.done" and x["verb"] == "restart"]
    return (held[0], done[0]) if held and done else None


@pytest.mark.timeout(360)
@pytest.mark.full
def test_daemon_starts_a_pass_when_the_maintenance_window_opens(
    edited: EditedGuest, daemon: Background
) -> None:
    boot = edited.start()
    daemon.start()
    opens = (datetime.now(UTC) + timedelta(seconds=WINDOW_S)).replace(second=0, microsecond=0)
    at = f"{opens.minute} {opens.hour} {opens.day} {opens.month} * +1h"
    edited.write_spec(memory="160MiB", update={"maxEffect": "restart", "windows": [at]})

    wait_until(lambda: held_since_and_done(daemon), "the guest is restarted in its window", 300)

    held, done = held_since_and_done(daemon) or ({}, {})
    assert datetime.fromisoformat(held["timestamp"]) < opens < datetime.fromisoformat(done["timestamp"])
    assert edited.boots() != boot
    wait_until(lambda: not edited.session.drift(), "nothing is left to do")
    edited.session.assert_in_sync()


def test_guests_of_a_group_are_restarted_one_after_the_other(
    lab: Lab, guest_files: GuestFiles, tmp_path: Path
) -> None:
    guests = [EditedGuest(lab, guest_files, tmp_path, name) for name in ("calm1", "calm2")]
    update = {"maxEffect": "restart", "group": "tier"}
    boots = [guest.start(update=update) for guest in guests]
    for guest in guests:
        guest.write_spec(memory="160MiB")

    plan = guests[0].session.plan()
    restarts = [a["key"] for a in plan["actions"] if a["verb"] == "restart"]
    held = [(h["key"], h["verb"], h["hold"]) for h in plan["held"]]
    guests[0].session.converge()

    assert restarts == ["Domain/calm1"]
    assert held == [("Domain/calm2", "restart", "group")]
    assert all(guest.boots() != boot for guest, boot in zip(guests, boots, strict=True))
    wait_until(lambda: not guests[0].session.drift(), "nothing is left to do")
    guests[0].session.assert_in_sync()
