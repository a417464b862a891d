"""
Inject hundreds of faults with calm periods between, and check the invariants in each: `./dev chaos`.

A seed gives the same faults in the same order; what the daemon is doing at that moment depends on the machine.
"""

import argparse
import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.chaos.arena import Arena
from tests.chaos.rows import ALL
from tests.chaos.storm import Pace, Storm, Use
from tests.lab.guest import build_guest
from tests.lab.lab import Lab

KEPT = Path(__file__).parents[2] / ".cache/chaos"


@dataclass(frozen=True)
class Plan:
    """
    The options of a run.

    Attributes:
        seed: Selects the faults; with an odd one specs come from a repository.
        faults: How many.
        without: Names of faults to leave out.
    """

    seed: int
    faults: int
    pace: Pace
    without: tuple[str, ...] = ()


HELPER_FILES = 5
"""Memory of the helper process that validates definitions, which runs for a minute after its last use."""


def run(directory: Path, plan: Plan) -> Storm:
    """
    Run a storm of faults, in the last third of which the daemon is not killed, and return it.

    The daemon's use of resources is compared between the end and the first third of that.

    Args:
        directory: The directory of specs, state and log.

    Raises:
        AssertionError: An invariant does not hold; the message has the seed.
    """
    files = build_guest()
    with Lab() as lab:
        arena = Arena(lab, directory, files, by_git=plan.seed % 2 == 1)
        try:
            arena.start()
            storm = Storm(arena, plan.seed, plan.pace, plan.without)
            storm.calm(first=True)
            storm.inject_faults(plan.faults * 2 // 3)
            # Threads that execute plans are created on first use, and kept (passes.executions.AT_ONCE).
            storm.inject_faults(plan.faults * 7 // 9, spare_daemon=True)
            before = storm.use()
            storm.inject_faults(plan.faults, spare_daemon=True)
            check_use(before, storm.use())
            storm.check_counts()
        except AssertionError as error:
            raise AssertionError(f"seed {plan.seed}, {plan.faults} faults: {error}") from error
        finally:
            arena.close()
        return storm


def check_use(before: Use, after: Use) -> None:
    """Fail if the daemon holds more resources than before."""
    print(f"the daemon in the last third: first {before}, then {after}")
    assert after.threads <= before.threads + 2, "threads leak"
    assert after.files <= before.files + 4 + HELPER_FILES, "open files leak"
    assert after.memory <= before.memory * 1.1 + 8, "memory leaks"


def main() -> int:
    """Run one storm with the options of the command line."""
    options = _options()
    print(
        f"seed {options.seed}: specs from a {'repository' if options.seed % 2 else 'directory'}", flush=True
    )
    began_s = time.monotonic()
    with TemporaryDirectory() as directory:
        try:
            pace = Pace(options.calm, options.pause)
            plan = Plan(options.seed, options.faults, pace, tuple(options.without))
            storm = run(Path(directory), plan)
        except AssertionError as error:
            print(f"{error}\nits log: {_keep(Path(directory), options.seed)}", file=sys.stderr)
            return 1
        passes = _count(Path(directory, "log"))
    calms = storm.calms_s
    print(f"{storm.count} faults in {time.monotonic() - began_s:.0f} s: {json.dumps(storm.counts())}")
    print(f"converged {len(calms)} times, after {sum(calms) / len(calms):.1f} s, at most {max(calms):.1f} s")
    print(f"the daemon made {passes}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev chaos", description="Inject faults into a host repeatedly.")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="repeats a run's faults; odd ones use git"
    )
    parser.add_argument("--faults", type=int, default=1000, help="how many; 1000 by default")
    parser.add_argument(
        "--calm",
        type=float,
        default=30.0,
        help="seconds within which everything must be in sync again; 30 by default",
    )
    parser.add_argument(
        "--pause", type=float, default=1.5, help="seconds between two faults at most; 1.5 by default"
    )
    parser.add_argument(
        "--without",
        metavar="FAULT",
        action="append",
        default=[],
        choices=sorted(ALL),
        help="a fault that is not injected; may be given more than once",
    )
    return parser.parse_args()


def _keep(directory: Path, seed: int) -> Path:
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / f"{seed}.log"
    if (log := directory / "log").exists():
        shutil.copy(log, kept)
    return kept


def _count(log: Path) -> str:
    lines: list[dict[str, Any]] = [
        json.loads(text) for text in log.read_text().splitlines() if text[-1:] == "}"
    ]
    counted = ("pass.ended", "action.done", "action.failed", "pass.broken_off")
    return ", ".join(f"{sum(line['event'] == name for line in lines)} {name}" for name in counted)


if __name__ == "__main__":
    sys.exit(main())
