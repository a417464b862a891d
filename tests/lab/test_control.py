"""The daemon over a real libvirtd, with orders from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kvmreconcile.cli.app import app
from tests.lab.daemon import Daemon
from tests.waiting import wait_until

WITHIN_S = 60


@pytest.fixture
def controlled(daemon: Daemon, tmp_path: Path) -> Daemon:
    """A daemon with a control socket and nothing left to do."""
    daemon.environment["KVMRECONCILE_CONTROL"] = f"{{socket: {tmp_path}/control.sock}}"
    daemon.start()
    # Beside a pass that finds all in sync, an earlier one may still be working.
    wait_until(lambda: call(daemon, "status").exit_code == 0, "everything is in sync", WITHIN_S)
    return daemon


def call(daemon: Daemon, *words: str) -> Result:
    """Call kvmreconcile with the daemon's settings."""
    return CliRunner(env=daemon.environment).invoke(app, list(words), catch_exceptions=False)


def condition(daemon: Daemon, key: str) -> str:
    return str(json.loads(call(daemon, "status", key, "-o", "json").stdout)["condition"])


def test_suspended_guest_stays_off_while_other_objects_are_reconciled(controlled: Daemon) -> None:
    assert (
        call(controlled, "suspend", "Domain/web1", "--for", "1h", "--why", "its disk is copied").exit_code
        == 0
    )
    controlled.lab.virsh("destroy", "web1")
    controlled.lab.virsh("net-destroy", "demo")

    controlled.wait_for("action.done", key="Network/demo", verb="start")

    wait_until(
        lambda: condition(controlled, "Domain/web1") == "Suspended", "the guest is left alone", WITHIN_S
    )
    assert call(controlled, "status").exit_code == 3
    assert not controlled.is_running()
    assert call(controlled, "resume", "Domain/web1").exit_code == 0
    controlled.wait_for("action.done", key="Domain/web1", verb="start")
    wait_until(lambda: call(controlled, "status").exit_code == 0, "everything is in sync", WITHIN_S)
    assert controlled.is_running()


def test_removal_that_must_be_confirmed_is_performed_when_its_plan_is_approved(controlled: Daemon) -> None:
    extra = controlled.specs / "extra.yaml"
    extra.write_text("apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: extra}\nspec: {}\n")
    controlled.wait_for("action.done", key="Network/extra", verb="start")
    extra.unlink()
    wait_until(lambda: condition(controlled, "Network/extra") == "Held", "it waits for approval", WITHIN_S)
    digest = json.loads(call(controlled, "status", "-o", "json").stdout)["plan"]

    assert "nothing was approved" in call(controlled, "approve", "0" * 12).stderr
    assert "extra" in controlled.lab.virsh("net-list", "--name")
    approved = call(controlled, "approve", digest, "--why", "it has moved")

    assert approved.exit_code == 0, approved.stderr
    controlled.wait_for("action.done", key="Network/extra", verb="remove")
    wait_until(lambda: call(controlled, "status").exit_code == 0, "everything is in sync", WITHIN_S)
    assert "extra" not in controlled.lab.virsh("net-list", "--all", "--name")
