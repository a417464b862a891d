"""
List the problems found on real hosts, and run their regression tests.

    python -m tests.host_cases [pytest argument...]     run all tests and print a line for each
    python -m tests.host_cases --revert NUMBER          revert the fix in a temporary clone; its tests must fail

A commit that fixes a problem has a trailer such as "Case: 8b", by which the second form finds it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

CLONE = Path(__file__).parents[1]
TABLE = Path(__file__).with_suffix(".yaml")
PLUGIN = Path(__file__).with_name("taken_back.py")
_PRODUCT = (":/", ":!tests", ":!docs", ":!README.md", ":!pyproject.toml")
"""The paths of a commit that are reverted; tests are kept."""


@dataclass
class Results:
    """A pytest plugin that collects the outcomes of tests by the number of their problem."""

    outcomes: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the outcome of a test, that of its first phase that did not pass."""
        for name, number in report.user_properties:
            if name == "case":
                test = report.nodeid.partition("[")[0]
                before = self.outcomes[str(number)].get(test, "passed")
                self.outcomes[str(number)][test] = before if before != "passed" else report.outcome


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status."""
    if arguments[:1] == ["--revert"]:
        return revert(arguments[1])
    faults = faults_by_number()
    results = Results()
    cases = [argument for number in faults for argument in ("--case", number)]
    options = ("--quiet", "--no-header", "--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder")
    status = pytest.main([*options, *cases, *arguments], plugins=[results])
    lacking = [number for number in faults if "passed" not in results.outcomes.get(number, {}).values()]
    for number, what in faults.items():
        print(*lines(number, what, results.outcomes.get(number, {})), sep="\n")
    print(f"{len(faults)} faults, {len(faults) - len(lacking)} shown to be mended")
    return int(status) or bool(lacking)


def faults_by_number() -> dict[str, str]:
    """Return the description of each problem, in the order of the table."""
    return {str(number): what for number, what in yaml.safe_load(TABLE.read_text()).items()}


def lines(number: str, what: str, outcomes: dict[str, str]) -> Iterator[str]:
    """Yield the lines of a problem: its first test on the same line, others below."""
    if not outcomes:
        yield f"{number:>4}  {what}: NO TEST"
    for index, (test, outcome) in enumerate(sorted(outcomes.items())):
        head = f"{number:>4}  {what}" if index == 0 else ""
        yield f"{head:<88}  {test}  {outcome}"


def revert(number: str) -> int:
    """
    Revert the fix of a problem in a temporary clone, and check that its tests then fail.

    If later commits depend on the fix, test its own commits instead, and print that.
    """
    commits = _git(CLONE, "log", "--format=%H %(trailers:key=Case,valueonly,separator=%x2C)").splitlines()
    mending = [
        line.split()[0] for line in commits if number in line.partition(" ")[2].replace(",", " ").split()
    ]
    if not mending:
        print(f"{number}: no commit says that it mends it")
        return 2
    with tempfile.TemporaryDirectory(prefix="kvmreconcile-revert-", ignore_cleanup_errors=True) as scratch:
        clone = Path(scratch) / "clone"
        _git(CLONE, "clone", "--quiet", str(CLONE), str(clone))
        shutil.copytree(CLONE / ".venv", clone / ".venv", symlinks=True)
        shutil.copy(PLUGIN, clone)
        if all(_revert(clone, commit) for commit in mending):
            failed = _run_tests(clone, number)
        else:
            print(f"{number}: later commits build on it; it is taken back at the commits themselves")
            failed = sum(_run_tests_without(clone, commit, number) for commit in mending)
    print(f"{number}: without {len(mending)} commits {failed or 'NONE'} of its tests fail")
    return int(not failed)


def _run_tests_without(clone: Path, commit: str, number: str) -> int:
    _git(clone, "checkout", "--quiet", "--force", commit)
    assert _revert(clone, commit)
    return _run_tests(clone, number)


def _revert(clone: Path, commit: str) -> bool:
    """Revert the changes of a commit to the product; return whether that was possible."""
    diff = _git(clone, "diff", f"{commit}^", commit, "--", *_PRODUCT)
    command = ("git", "-C", str(clone), "apply", "--reverse", "--3way", "-")
    return (
        not diff
        or not subprocess.run(command, input=diff, check=False, capture_output=True, text=True).returncode
    )


def _run_tests(clone: Path, number: str) -> int:
    """
    Run the tests of a problem in a clone, with its own sources and the installed packages.

    Tests without real guests run first, and suffice if one of them fails. A test that uses a name which was
    reverted too is skipped: its failure would prove nothing.

    Returns:
        How many tests failed.
    """
    return _failed(clone, number, "not lab") or _failed(clone, number, "lab")


def _failed(clone: Path, number: str, marks: str) -> int:
    options = (
        "--quiet",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-p",
        PLUGIN.stem,
        "--tb=line",
        "--continue-on-collection-errors",
    )
    command = (str(clone / ".venv/bin/python"), "-m", "pytest", *options, "--case", number, "-m", marks)
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    done = subprocess.run(command, check=False, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True)
    said = done.stdout.strip().splitlines()
    print(*(line for line in said if line.startswith("FAILED")), *said[-1:], sep="\n", flush=True)
    return int(found[1]) if (found := re.search(r"(\d+) failed", said[-1] if said else "")) else 0


def _git(directory: Path, *arguments: str) -> str:
    return subprocess.run(
        ("git", "-C", str(directory), *arguments), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
