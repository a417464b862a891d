"""Configure pytest: quick tests first, marks by folder, options, and a check of printed commands."""

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

# Daemons of tests must not use this host's own socket; tests that need a socket name its path.
os.environ["KVMRECONCILE_CONTROL"] = "{socket: none}"

# From quick to slow; tests outside of these folders are quicker still.
_FOLDERS = ("embed", "lab", "host")

_SLOWEST = 15
_LONG_S = 60.0

# Deadlines depend on the load of the machine, and random input makes runs unrepeatable.
settings.register_profile("kvmreconcile", deadline=None, derandomize=True)
settings.load_profile("kvmreconcile")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the project's own options to `./dev test`."""
    parser.addoption("--host", action="store_true", help="also run the tests that create machines")
    parser.addoption("--full", action="store_true", help="also run slow tests")
    parser.addoption(
        "--case",
        action="append",
        default=[],
        help="run only the tests of this problem (tests/host_cases.yaml)",
    )
    parser.addoption("--regenerate", action="store_true", help="rewrite golden files, to review as a diff")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its folder, sort quick ones first, and deselect tests that need an option."""
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
    """Check that no file is split when tests are distributed."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Distribution(), "distribution")


class _Distribution:
    """
    Fails a run in which several workers ran tests of one file: they share a lab, a daemon or a machine.

    xdist groups tests by an attribute of pytest that has moved before; then it splits files without a warning.
    """

    def __init__(self) -> None:
        self._workers: dict[str, str] = {}
        self._split: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record which worker ran a test."""
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
    """Print the output of passed tests with the mark "figures", and the slowest files."""
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
def _check_printed_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check each command in the output of the command line in any test."""
    invoke = CliRunner.invoke

    def checked(*arguments: Any, **more: Any) -> Result:
        result = invoke(*arguments, **more)
        for command in (*hints.commands(result.stdout), *hints.commands(result.stderr)):
            hints.check(command)
        return result

    monkeypatch.setattr(CliRunner, "invoke", checked)


@pytest.fixture(scope="session")
def regenerate(request: pytest.FixtureRequest) -> bool:
    """Return whether golden files are rewritten instead of compared."""
    return bool(request.config.getoption("--regenerate"))


def _cases(item: pytest.Item) -> list[str]:
    """Return the numbers of the problems that a test covers."""
    return [str(number) for mark in item.iter_markers("case") for number in mark.args]


def _folder(item: pytest.Item) -> str | None:
    folders = item.path.relative_to(Path(__file__).parent).parts[:-1]
    return folders[0] if folders and folders[0] in _FOLDERS else None
