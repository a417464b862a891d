"""A guest that does not obey a request is reported with the reason and in time, and never powered off without permission."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from kvmreconcile.errors import Busy, HostError
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds.domain import KIND
from kvmreconcile.kinds.domain.calls import power
from kvmreconcile.kinds.domain.calls.state_reasons import RunState
from kvmreconcile.model import Action, Key, Lifecycle, Policy, Reason, ShutdownBy, ShutdownPolicy
from kvmreconcile.model.verbs import RESTART, STOP
from kvmreconcile.tree import Effect
from tests.lab.guest import GuestFiles, console
from tests.lab.lab import Lab
from tests.lab.session import Session
from tests.waiting import wait_until

STUCK = "stuck1"
OTHER = "calm1"
# Neither a disk nor a kernel: the firmware boots nothing, and answers no request.
IN_THE_BOOT_LOADER: dict[str, Any] = {"type": "qemu", "memory": "64MiB"}


def write_guest(session: Session, name: str, spec: dict[str, Any]) -> None:
    """Write a guest's spec."""
    metadata = {"name": name}
    document = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": metadata, "spec": spec}
    session.write(f"{name}.yaml", yaml.safe_dump(document))


def write_other_guest(session: Session, title: str) -> None:
    """Write the spec of an unrelated guest, which shows that others are reconciled."""
    write_guest(session, OTHER, {"type": "qemu", "memory": "64MiB", "state": "stopped", "title": title})


def runs(session: Session, name: str = STUCK) -> bool:
    return session.lab.virsh("domstate", name).strip() == "running"


def run_of(session: Session) -> str:
    """Return the id of the guest's run, which changes at each start."""
    return session.lab.virsh("domid", STUCK).strip()


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    """A guest that is stuck in its firmware, and another."""
    session = Session(lab, tmp_path)
    write_guest(session, STUCK, IN_THE_BOOT_LOADER)
    write_other_guest(session, "before")
    session.converge()
    return session


def asked_to_stop(**shutdown: object) -> dict[str, Any]:
    """Return the spec of a guest that is to be off, with a short timeout."""
    update = {"shutdown": {"timeout": "2s", **shutdown}}
    return {**IN_THE_BOOT_LOADER, "state": "stopped", "update": update}


def test_guest_that_does_not_shut_down_keeps_running_and_others_are_reconciled(session: Session) -> None:
    run = run_of(session)
    write_guest(session, STUCK, asked_to_stop())
    write_other_guest(session, "after")

    result = session.apply()

    assert result.exit_code == 1
    assert f"Domain/{STUCK}: the guest did not shut down within 2 s" in result.output
    assert f" destroy {STUCK}" in result.output
    assert run_of(session) == run
    assert runs(session)
    assert session.lab.virsh("desc", OTHER, "--title").strip() == "after"
    assert session.drift() == [f"Domain/{STUCK} stop"]


def test_guest_that_does_not_shut_down_is_powered_off_if_its_spec_allows_it(session: Session) -> None:
    write_guest(session, STUCK, asked_to_stop(force=True))

    session.converge()

    assert not runs(session)
    session.assert_in_sync()


def test_paused_guest_cannot_be_shut_down_and_stays_paused(session: Session) -> None:
    session.lab.virsh("suspend", STUCK)
    write_guest(session, STUCK, asked_to_stop())

    result = session.apply()

    assert result.exit_code == 1
    assert f"Domain/{STUCK}: the guest did not shut down within 2 s" in result.output
    assert "domain is not running" in result.output
    assert "if it is paused, resume it first" in result.output
    assert session.lab.virsh("domstate", STUCK).strip() == "paused"


def test_paused_guest_is_powered_off_if_its_spec_allows_it(session: Session) -> None:
    session.lab.virsh("suspend", STUCK)
    write_guest(session, STUCK, asked_to_stop(force=True))

    session.converge()

    assert session.lab.virsh("domstate", STUCK).strip() == "shut off"
    session.assert_in_sync()


def test_paused_guest_is_not_restarted_for_an_edit(session: Session) -> None:
    run = run_of(session)
    update = {"maxEffect": "restart", "shutdown": {"timeout": "2s", "force": True}}
    write_guest(session, STUCK, {**IN_THE_BOOT_LOADER, "state": "paused", "update": update})
    session.converge()
    write_guest(session, STUCK, {**IN_THE_BOOT_LOADER, "state": "paused", "update": update, "vcpus": 2})

    session.converge()

    assert run_of(session) == run
    assert session.lab.virsh("domstate", STUCK).strip() == "paused"


@pytest.mark.parametrize("asks", [(ShutdownBy.ACPI,), ()], ids=["asked", "not asked"])
def test_guest_that_was_paused_after_the_plan_is_not_restarted(
    session: Session, asks: tuple[ShutdownBy, ...]
) -> None:
    run, policy = (
        run_of(session),
        Policy(lifecycle=Lifecycle(shutdown=ShutdownPolicy(asks, timeout_s=20, force=True))),
    )
    action = Action(Key("Domain", STUCK), RESTART, Effect.RESTART, Reason.EDIT, policy=policy)
    session.lab.virsh("suspend", STUCK)

    with (
        connect(session.lab.uri) as connection,
        pytest.raises(HostError, match="paused by a user or another tool, so it cannot be shut down"),
    ):
        KIND.driver().perform(connection, action)

    assert run_of(session) == run


def test_guest_that_a_job_has_paused_is_not_powered_off(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = Policy(lifecycle=Lifecycle(shutdown=ShutdownPolicy((), timeout_s=0, force=True)))
    action = Action(Key("Domain", STUCK), STOP, Effect.RESTART, Reason.EDIT, policy=policy)
    # Saving a guest this small ends too soon.
    monkeypatch.setattr(power, "run_state", lambda _domain: RunState(job="it is being saved"))

    with connect(session.lab.uri) as connection, pytest.raises(Busy, match="it is being saved"):
        KIND.driver().perform(connection, action)

    assert runs(session)


def test_guest_without_the_agent_that_must_shut_it_down_keeps_running_and_is_reported(
    session: Session,
) -> None:
    write_guest(session, STUCK, asked_to_stop(acpi=False))

    result = session.apply()

    assert result.exit_code == 1
    assert "QEMU guest agent is not connected" in result.output
    assert runs(session)


def test_guest_that_does_not_give_up_memory_is_reported_and_others_are_reconciled(session: Session) -> None:
    run = run_of(session)
    write_guest(session, STUCK, {**IN_THE_BOOT_LOADER, "currentMemory": "32MiB"})
    write_other_guest(session, "after")

    result = session.apply()

    assert result.exit_code == 1
    assert f"Domain/{STUCK}: the guest's memory is 64MiB after 10 s instead of 32MiB" in result.output
    assert run_of(session) == run
    assert session.lab.virsh("desc", OTHER, "--title").strip() == "after"
    assert session.drift() == [f"Domain/{STUCK} set-memory", f"Domain/{STUCK} ~ currentMemory"]


def test_linux_guest_without_an_agent_is_shut_down_by_its_power_button(
    session: Session, guest_files: GuestFiles
) -> None:
    boot = {
        "kernel": str(guest_files.vmlinuz),
        "initrd": str(guest_files.initrd),
        "cmdline": "console=ttyS0 quiet",
    }
    log = console(session.lab, "plain1")
    plain: dict[str, Any] = {
        "type": "qemu",
        "memory": "96MiB",
        "boot": boot,
        "defaults": "libvirt",
        "features": {"acpi": True},
        "xml": f"<domain><devices><serial type='file'><source path='{log}'/></serial></devices></domain>",
    }
    write_guest(session, "plain1", plain)
    session.converge()
    wait_until(lambda: log.exists() and "TINY-UP" in log.read_text(errors="replace"), "it is up")
    write_guest(session, "plain1", {**plain, "state": "stopped"})

    session.converge()

    assert not runs(session, "plain1")
    assert "ACPI-POWER" in log.read_text(errors="replace")
