"""
Chaos: faults by the hundred, then calm, and again; what must hold is looked at in each calm: `./dev chaos`.

Separate from the faults. A seed gives the same faults in the same order; how they meet what the daemon is doing at
that moment is up to the machine.
"""

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.chaos.arena import GUESTS, Arena, wait_s
from tests.chaos.faults import FAULTS, mend
from tests.lab.guest import build_guest
from tests.lab.lab import Lab, LabError

UNASKED = frozenset({"remove", "replace", "recreate", "restart", "stop"})
"""Verbs that nothing in the specs asks for."""


@dataclass
class Storm:
    """
    One run.

    Attributes:
        calm_within_s: How long after the last fault all must be as it should be.
        pause_s: How long at most between two faults.
    """

    arena: Arena
    seed: int
    calm_within_s: float
    pause_s: float = 0.8
    count: int = 0
    calms_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with a generator that nobody else uses."""
        self._chance = Random(self.seed)

    def blow(self, faults: int, *, spare_daemon: bool = False) -> None:
        """Let so many faults befall the host, then wait for calm and look at what must hold."""
        rows = {name: row for name, row in FAULTS.items() if not (spare_daemon and row.kills_daemon)}
        weights = [row.weight for row in rows.values()]
        for _ in range(faults):
            (name,) = self._chance.choices(list(rows), weights)
            self.count += 1
            try:
                what = rows[name].do(self.arena, self._chance)
            except LabError as error:
                what = f"could not: {error}"
            self.arena.said()
            print(f"{self.count:>5}  {name:<14}{what}", flush=True)
            time.sleep(self._chance.random() * self.pause_s)
        self.calm()

    def calm(self) -> None:
        """Wait until all is as it should be, and look at what must hold."""
        mend(self.arena)
        self.arena.said()
        self.arena.look()
        self.calms_s.append(wait_s(self.arena, self.calm_within_s))
        print(f"       calm after {self.calms_s[-1]:.1f} s", flush=True)
        self.check()

    def check(self) -> None:
        """Fail unless nothing was touched that must not be."""
        lines = list(self.arena.lines())
        assert self.arena.is_foreign_untouched(), "something of another hand was touched"
        begun = [line for line in lines if line.get("event") == "action.started"]
        unasked = [
            line for line in begun if line["verb"] in UNASKED and not line["key"].startswith("Volume/")
        ]
        assert not unasked, f"nobody asked for this: {unasked}"
        crashed = [line for line in lines if line.get("event") in ("pass.crashed", "daemon.follower_failed")]
        assert not crashed, crashed[0]
        for guest in GUESTS:
            assert self.arena.by_hand("domid", guest), f"{guest} is gone"

    def use(self) -> "Use":
        """Return what the daemon holds of the machine."""
        status = Path(f"/proc/{self.arena.pid}/status").read_text()
        words = {line.split(":")[0]: line.split()[1:] for line in status.splitlines() if ":" in line}
        files = sum(1 for _ in Path(f"/proc/{self.arena.pid}/fd").iterdir())
        return Use(int(words["VmRSS"][0]) // 1024, int(words["Threads"][0]), files)


@dataclass(frozen=True)
class Use:
    """What a process holds: memory in MiB, threads, open files."""

    memory: int
    threads: int
    files: int

    def __str__(self) -> str:
        return f"{self.memory} MiB, {self.threads} threads, {self.files} files"


def storm(directory: Path, seed: int, faults: int, calm_within_s: float, pause_s: float) -> Storm:
    """Run a storm of so many faults, a third of which leave the daemon alive, and return it when it is over."""
    files = build_guest()
    with Lab() as lab:
        arena = Arena(lab, directory, files, by_git=seed % 2 == 1)
        try:
            arena.start()
            wait_s(arena, calm_within_s * 3)
            run = Storm(arena, seed, calm_within_s, pause_s)
            gust = 40
            while run.count < faults * 2 // 3:
                run.blow(min(gust, faults * 2 // 3 - run.count))
            before = run.use()
            while run.count < faults:
                run.blow(min(gust, faults - run.count), spare_daemon=True)
            after = run.use()
            print(f"the daemon in the last third: first {before}, then {after}")
            assert after.threads <= before.threads + 2, "threads leak"
            assert after.files <= before.files + 4, "open files leak"
            assert after.memory <= before.memory * 1.2 + 8, "memory leaks"
            return run
        finally:
            arena.close()


def main() -> int:
    """Run one storm as the options say."""
    parser = argparse.ArgumentParser(
        prog="./dev chaos", description="Let faults befall a host, again and again."
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="repeats a run's faults; odd ones use git"
    )
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument(
        "--calm", type=float, default=30.0, help="seconds within which all must be well again"
    )
    parser.add_argument("--pause", type=float, default=0.8, help="seconds between two faults at most")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    began_s = time.monotonic()
    with TemporaryDirectory() as directory:
        try:
            run = storm(Path(directory), options.seed, options.faults, options.calm, options.pause)
        except AssertionError as error:
            print(f"seed {options.seed}: {error}", file=sys.stderr)
            shown = Path(directory, "log")
            if shown.exists():
                Path("/tmp/kvmreconcile-chaos.log").write_bytes(shown.read_bytes())
            return 1
    calm = f"calm {len(run.calms_s)} times, after {max(run.calms_s):.1f} s at most"
    print(f"{run.count} faults in {time.monotonic() - began_s:.0f} s, {calm}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
