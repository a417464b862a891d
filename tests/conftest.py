"""What holds for all tests: the quick ones first, each marked by its folder, and two options."""

import os
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from typer.testing import CliRunner, Result

from tests import hints

# No daemon that a test starts is to be taken for this host's own; those that are to be talked to name a place.
os.environ["KVMRECONCILE_CONTROL"] = "{socket: none}"

# From the quickest to the slowest; what stands in no such folder is quicker still.
_FOLDERS = ("embed", "lab", "host")

_SLOWEST = 15
_LONG_S = 60.0

# Real time says little on a busy machine, and a run that cannot be repeated says little at all.
settings.register_profile("kvmreconcile", deadline=None, derandomize=True)
settings.load_profile("kvmreconcile")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the project's own options to `./dev test`."""
    parser.addoption("--host", action="store_true", help="run the tests that make whole machines, too")
    parser.addoption("--full", action="store_true", help="run the tests that take long, too")
    parser.addoption(
        "--case", action="append", default=[], help="run only the tests of this fault (tests/host_cases.yaml)"
    )
    parser.addoption(
        "--regenerate", action="store_true", help="write golden files anew, to be read as a diff"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its folder, put the quick ones first and leave out whole machines unless asked for."""
    for item in items:
        if folder := _folder(item):
            item.add_marker(folder)
        item.user_properties += [("case", number) for number in _cases(item)]
    items.sort(key=lambda item: _FOLDERS.index(folder) + 1 if (folder := _folder(item)) else 0)
    chosen = set(config.getoption("--case"))
    left_out = {
        item
        for item in items
        if (_folder(item) == "host" and not config.getoption("--host"))
        or (item.get_closest_marker("full") and not config.getoption("--full"))
        or (chosen and not chosen.intersection(_cases(item)))
    }
    if left_out:
        config.hook.pytest_deselected(items=[*left_out])
        items[:] = [item for item in items if item not in left_out]


def pytest_configure(config: pytest.Config) -> None:
    """Watch, where tests are distributed, that no file is split."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Distribution(), "distribution")


class _Distribution:
    """
    Fails a run in which tests of one file went to several workers: they share a lab, a daemon or a machine.

    xdist groups tests by an attribute of pytest's that has moved before, and then splits files without a word.
    """

    def __init__(self) -> None:
        self._workers: dict[str, str] = {}
        self._split: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which worker ran a test."""
        file, worker = report.nodeid.partition("::")[0], getattr(report, "worker_id", "")
        if self._workers.setdefault(file, worker) != worker:
            self._split.add(file)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if a file was split."""
        if self._split and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the files that were split."""
        for file in sorted(self._split):
            terminalreporter.write_line(
                f"FAILED {file}: its tests ran in several processes; distribute them with --dist loadfile"
            )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests with figures printed, which pytest keeps to itself when they pass, and the slowest files."""
    shown = [report for report in terminalreporter.stats.get("passed", ()) if "figures" in report.keywords]
    if any(report.capstdout.strip() for report in shown):
        terminalreporter.section("figures")
    for report in shown:
        if report.capstdout.strip():
            terminalreporter.write_line(f"{report.nodeid}\n  {report.capstdout.strip()}")
    reports = [
        each for each in chain(*terminalreporter.stats.values()) if isinstance(each, pytest.TestReport)
    ]
    if sum(report.duration for report in reports) > _LONG_S:
        terminalreporter.section("slowest files")
        for file, took_s in _slowest(reports):
            terminalreporter.write_line(f"{took_s:7.1f} s  {file}")


def _slowest(reports: Iterable[pytest.TestReport]) -> list[tuple[str, float]]:
    """Return the files whose tests took longest, in seconds."""
    took_s: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        took_s[report.nodeid.partition("::")[0]] += report.duration
    return sorted(took_s.items(), key=lambda each: -each[1])[:_SLOWEST]


@pytest.fixture(autouse=True)
def _commands_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check each command that is named in what the command line prints to any test."""
    invoke = CliRunner.invoke

    def checked(*arguments: Any, **more: Any) -> Result:
        result = invoke(*arguments, **more)
        for command in (*hints.commands(result.stdout), *hints.commands(result.stderr)):
            hints.check(command)
        return result

    monkeypatch.setattr(CliRunner, "invoke", checked)


@pytest.fixture(scope="session")
def regenerate(request: pytest.FixtureRequest) -> bool:
    """Tell whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--regenerate"))


def _cases(item: pytest.Item) -> list[str]:
    """Return the numbers of the faults that a test shows to be mended."""
    return [str(number) for mark in item.iter_markers("case") for number in mark.args]


def _folder(item: pytest.Item) -> str | None:
    folders = item.path.relative_to(Path(__file__).parent).parts[:-1]
    return folders[0] if folders and folders[0] in _FOLDERS else None
