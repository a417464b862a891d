"""What holds for all tests: the quick ones first, each marked by its folder, and two options."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No daemon that a test starts is to be taken for this host's own; those that are to be talked to name a place.
os.environ["KVMRECONCILE_CONTROL"] = "{socket: none}"

# From the quickest to the slowest; what stands in no such folder is quicker still.
_FOLDERS = ("embed", "lab", "host")

# Real time says little on a busy machine, and a run that cannot be repeated says little at all.
settings.register_profile("kvmreconcile", deadline=None, derandomize=True)
settings.load_profile("kvmreconcile")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the project's own options to `./dev test`."""
    parser.addoption("--host", action="store_true", help="run the tests that make whole machines, too")
    parser.addoption(
        "--regenerate", action="store_true", help="write golden files anew, to be read as a diff"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its folder, put the quick ones first and leave out whole machines unless asked for."""
    for item in items:
        if folder := _folder(item):
            item.add_marker(folder)
        # One file, one process, since its tests share a lab; those of the embedded driver share nothing.
        if folder != "embed":
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
    items.sort(key=lambda item: _FOLDERS.index(folder) + 1 if (folder := _folder(item)) else 0)
    if not config.getoption("--host"):
        left_out = [item for item in items if _folder(item) == "host"]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests with figures printed, which pytest otherwise keeps to itself when they pass."""
    shown = [report for report in terminalreporter.stats.get("passed", ()) if "figures" in report.keywords]
    if any(report.capstdout.strip() for report in shown):
        terminalreporter.section("figures")
    for report in shown:
        if report.capstdout.strip():
            terminalreporter.write_line(f"{report.nodeid}\n  {report.capstdout.strip()}")


@pytest.fixture(scope="session")
def regenerate(request: pytest.FixtureRequest) -> bool:
    """Tell whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--regenerate"))


def _folder(item: pytest.Item) -> str | None:
    folders = item.path.relative_to(Path(__file__).parent).parts[:-1]
    return folders[0] if folders and folders[0] in _FOLDERS else None
