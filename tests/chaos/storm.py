"""
Inject dozens of faults, then wait: each must end in the state that its row names, and converge once repaired.

A calm period first checks what is not repaired yet: exactly what must be held is held. Then everything is repaired,
and the host must converge.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos import proof
from tests.chaos.arena import Arena
from tests.chaos.ends import Held, Reported, Row
from tests.chaos.rows import possible, tidy
from tests.lab.lab import LabError

GUST = 40
"""The number of faults between two calm periods."""
ENOUGH = 2
"""With this many times as many faults as there are rows, each must have been injected."""
UNREQUESTED = frozenset({"remove", "replace", "recreate", "restart", "stop", "detach"})
"""Verbs that no spec requests."""
MISTAKES = frozenset({"pass.crashed", "daemon.follower_failed"})
MAY_RESTART = "Network/side"
LOOK_AGAIN_S = 0.3

Json = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """The time limit for convergence after the last fault, and the longest pause between two faults, in seconds."""

    calm_within_s: float
    pause_s: float


@dataclass(frozen=True)
class Use:
    """Resources of a process: memory in MiB, threads, open files."""

    memory: int
    threads: int
    files: int

    def __str__(self) -> str:
        return f"{self.memory} MiB, {self.threads} threads, {self.files} files"


@dataclass
class Storm:
    """
    One run.

    Attributes:
        without: Names of faults that are left out.
        count: The number of injected faults.
        calms_s: The seconds from the last fault to convergence, for each calm period.
    """

    arena: Arena
    seed: int
    pace: Pace
    without: Collection[str] = ()
    count: int = 0
    calms_s: list[float] = field(default_factory=list)
    _injected: Counter[str] = field(default_factory=Counter)
    _outstanding: dict[str, Row] = field(default_factory=dict)
    _volumes: dict[str, tuple[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Create a random generator of its own, and queue every fault once, those with holds last."""
        self._chance = Random(self.seed)
        self._rows = possible(self.arena.features, self.without)
        names = list(self._rows)
        self._chance.shuffle(names)
        last = [name for name in self._rows if isinstance(self._rows[name].ends, Held)]
        self._first = [*(name for name in names if name not in last), *last]

    def inject_faults(self, until: int, *, spare_daemon: bool = False) -> None:
        """Inject faults until there were `until`, with a calm period after each group."""
        rows = {name: row for name, row in self._rows.items() if not (spare_daemon and row.kills_daemon)}
        while self.count < until:
            gust_ends = min(until, (self.count // GUST + 1) * GUST)
            # A fault that finds nothing to do may find something after others, or in a later group.
            first = [name for name in self._first if name in rows] * 2
            while self.count < gust_ends:
                name = first.pop(0) if first else self._any(rows)
                if first and name not in self._first:
                    continue
                if self._inject(name, rows[name]) and name in self._first:
                    self._first.remove(name)
            self.calm()

    def _any(self, rows: dict[str, Row]) -> str:
        (name,) = self._chance.choices(list(rows), [row.weight for row in rows.values()])
        return name

    def _inject(self, name: str, row: Row) -> bool:
        """Inject a fault; return whether it found anything to do."""
        try:
            what = row.do(self.arena, self._chance)
        except LabError as error:
            what = None
            print(f"       {name:<16}could not: {error}", flush=True)
        if what is None:
            return False
        self.count += 1
        self._injected[name] += 1
        self._outstanding.pop(name, None)
        self._outstanding[name] = row
        self.arena.publish_specs()
        print(f"{self.count:>5}  {name:<16}{what}", flush=True)
        time.sleep(self._chance.random() * self.pace.pause_s)
        return True

    def calm(self, *, first: bool = False) -> None:
        """Wait until each fault has ended as it must, repair them, wait for convergence, and check the invariants."""
        tidy(self.arena)
        self._check_reported()
        self._check_held()
        for row in reversed(self._outstanding.values()):
            row.repair(self.arena)
        self._outstanding.clear()
        self.arena.publish_specs()
        # At first everything is to be created, and libvirt itself is new.
        took_s = self._wait_s(self.pace.calm_within_s * (3 if first else 1), self._find_problems)
        if first:
            self._volumes = proof.volumes(self.arena)
        else:
            self.calms_s.append(took_s)
        print(f"       converged after {took_s:.1f} s", flush=True)
        self._check()

    def _check_reported(self) -> None:
        """Fail unless invalid specs are reported; then repair them, because they hide everything else."""
        wrong = [name for name, row in self._outstanding.items() if isinstance(row.ends, Reported)]
        assert not (wrong and self.arena.is_valid()), f"not reported: {', '.join(wrong)}"
        for name in wrong:
            self._outstanding.pop(name).repair(self.arena)
        self.arena.publish_specs()

    def _check_held(self) -> None:
        """Fail unless exactly what must be held until it is repaired is held."""
        ends = {name: row.ends for name, row in self._outstanding.items() if isinstance(row.ends, Held)}
        if ends:
            took_s = self._wait_s(self.pace.calm_within_s, lambda plan: _not_held(plan, ends))
            print(f"       held after {took_s:.1f} s: {', '.join(ends)}", flush=True)

    def _find_problems(self, plan: Json) -> object:
        """Return all problems, found by a plan and by libvirt itself."""
        held = [h for h in plan["held"] if h["hold"] != "prune"]
        return [*plan["actions"], *held, *plan["problems"]] or proof.faults(self.arena)

    def _wait_s(self, within_s: float, wrong: Callable[[Json], object]) -> float:
        """Return the seconds until no problem is found in the plan."""
        began_s = time.monotonic()
        found: object = "no plan can be made"
        while time.monotonic() - began_s < within_s:
            plan = self.arena.plan()
            found = wrong(plan) if plan else found
            if not found:
                return time.monotonic() - began_s
            time.sleep(LOOK_AGAIN_S)
        raise AssertionError(f"after {within_s:.0f} s the host has not converged: {json.dumps(found)[:3000]}")

    def _check(self) -> None:
        """Fail if anything was changed that must not be."""
        assert self.arena.is_foreign_untouched(), "something that is not managed was touched"
        volumes = proof.volumes(self.arena)
        assert volumes == self._volumes, f"volumes are {volumes} and were {self._volumes}"
        proof.check_runs(self.arena)
        proof.check_twins(self.arena)
        lines = list(self.arena.lines())
        begun = [line for line in lines if line["event"] == "action.started" and line["verb"] in UNREQUESTED]
        restarts = [line for line in begun if (line["key"], line["verb"]) == (MAY_RESTART, "restart")]
        proof.check_restarts(self.arena, len(restarts))
        proof.check_detaches(self.arena, [line["key"] for line in begun if line["verb"] == "detach"])
        unrequested = [line for line in begun if line not in restarts and line["verb"] != "detach"]
        assert not unrequested, f"not requested by a spec: {unrequested}"
        crashed = [line for line in lines if line["event"] in MISTAKES]
        assert not crashed, crashed[0]

    def counts(self) -> dict[str, int]:
        """Return how often each fault was injected."""
        return {name: self._injected[name] for name in sorted(self._rows)}

    def check_counts(self) -> None:
        """Fail if a fault was never injected although the run was long enough for all."""
        never = [name for name, count in self.counts().items() if not count]
        is_enough = self.count >= ENOUGH * len(self._rows)
        assert not (never and is_enough), f"never injected: {', '.join(never)}"

    def use(self) -> Use:
        """Return the resources that the daemon holds."""
        home = Path(f"/proc/{self.arena.pid}")
        lines = (line.partition(":") for line in (home / "status").read_text().splitlines())
        words = {name: text.split() for name, _, text in lines}
        files = sum(1 for _ in (home / "fd").iterdir())
        return Use(int(words["VmRSS"][0]) // 1024, int(words["Threads"][0]), files)


def _not_held(plan: Json, ends: dict[str, Held]) -> list[object]:
    """Return what would be done, what is not held although it must be, and what is held without a reason."""
    held = {(h["key"], h["hold"]) for h in plan["held"] if h["hold"] != "prune"}
    missing = [
        f"{name}: {key} is held by {sorted(h for k, h in held if k == key)}, not by {', '.join(sorted(end.holds))}"
        for name, end in ends.items()
        for key in sorted(end.keys)
        if not any((key, hold) in held for hold in end.holds)
    ]
    known = {hold for end in ends.values() for hold in end.holds | end.others}
    return [*plan["actions"], *plan["problems"], *missing, *sorted(h for h in held if h[1] not in known)]
