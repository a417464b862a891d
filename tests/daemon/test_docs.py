"""The documentation of the daemon matches the code."""

import re
from pathlib import Path

import pytest

from kvmreconcile.daemon.condition_log import ENDS
from kvmreconcile.settings.loading import read_settings
from kvmreconcile.settings.settings import Settings

ROOT = Path(__file__).parents[2]
EVENT = re.compile(
    r'"((?:action|approval|daemon|door|endpoint|field|history|host|notify|object|pass|revision|spec|state|watch)\.[a-z_]+)"'
)


def test_docs_list_exactly_the_log_events() -> None:
    parts = ("control", "daemon", "notify", "reconcile", "events")
    modules = [module for part in parts for module in (ROOT / "kvmreconcile" / part).glob("*.py")]
    logged = {event for module in modules for event in EVENT.findall(module.read_text())}
    page = (ROOT / "docs/daemon.md").read_text()

    documented = set(re.findall(r"`([a-z]+\.[a-z_]+)`", page.partition("## The log")[2]))

    assert {*ENDS, *ENDS.values()} < logged
    assert documented == logged


@pytest.mark.case("53f")
def test_docs_state_that_reload_keeps_settings() -> None:
    page = " ".join((ROOT / "docs/daemon.md").read_text().split())

    assert "It does not read the settings again: restart the daemon to change them" in page


def test_example_settings_contain_the_defaults() -> None:
    example = read_settings(ROOT / "systemd/kvmreconcile.yaml", {})
    defaults = Settings()

    assert example.model_copy(update={"prune": {}}) == defaults
