"""
Measure how long a plan takes, beside a plain libvirt loop that reads the same XML: `./dev bench`.

Both are timed alternately in the same run, so that other load on the machine affects both.
"""

import argparse
import cProfile
import pstats
import sys
from collections.abc import Callable
from statistics import median

from tests.bench import reaction
from tests.bench.host import Subject, bench, timed
from tests.lab.lab import LabError


def main() -> int:
    """Print the figures and return the exit status."""
    options = _options()
    print(f"{'domains':>7}  {'what':<34}{'median':>9}{'best':>9}{'ratio':>8}")
    try:
        for count in options.domains:
            with bench(count) as subject:
                report(subject, options.runs)
                if options.reaction:
                    reaction.report(subject)
                if options.profile:
                    profile(subject)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description="How long a plan takes.")
    parser.add_argument("domains", nargs="*", type=int, default=[100, 1000], help="how many are defined")
    parser.add_argument("--runs", type=int, default=7, help="how often each is timed")
    parser.add_argument("--reaction", action="store_true", help="run a daemon, too, and time what it does")
    parser.add_argument("--profile", action="store_true", help="print the functions that take a plan's time")
    return parser.parse_args()


def report(subject: Subject, runs: int) -> None:
    """Print a line for each measurement."""
    rows: dict[str, Callable[[], object]] = {
        "plain libvirt loop": subject.read,
        "plan": subject.plan_first,
        "plan again, with nothing changed": subject.plan,
        "plan again, from a set": subject.plan_set,
        "  of which reading the host": subject.observe,
        "loading the specs": subject.load,
        "the whole command": subject.command,
    }
    times: dict[str, list[float]] = {what: [] for what in rows}
    for _ in range(runs):
        for what, do in rows.items():
            times[what].append(timed(do))
    plain = median(times["plain libvirt loop"])
    for what, seconds in times.items():
        middle = median(seconds)
        print(f"{subject.count:>7}  {what:<34}{middle:>8.3f}s{min(seconds):>8.3f}s{middle / plain:>8.2f}")
    print(f"{subject.count:>7}  {'making them, once, by apply':<34}{subject.made_in_s:>8.3f}s", flush=True)


def profile(subject: Subject) -> None:
    """Print the functions that take the time of a plan."""
    profiler = cProfile.Profile()
    profiler.runcall(subject.plan)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    sys.exit(main())
