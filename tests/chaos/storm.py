"""
A storm over a host: faults, then calm, and what must hold in each calm.

Separate from its faults, which it only draws, and from the command, which says how many.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos import proof
from tests.chaos.arena import Arena
from tests.chaos.faults import FAULTS, mend
from tests.lab.lab import LabError

GUST = 40
"""How many faults come between two calms."""
UNASKED = frozenset({"remove", "replace", "recreate", "restart", "stop"})
"""Verbs that nothing in the specs asks for."""
MISTAKES = frozenset({"pass.crashed", "daemon.follower_failed"})
LOOK_AGAIN_S = 0.3


@dataclass(frozen=True)
class Pace:
    """How long after the last fault all must be as it should be, and how long it is at most between two faults."""

    calm_within_s: float
    pause_s: float


@dataclass(frozen=True)
class Use:
    """What a process holds: memory in MiB, threads, open files."""

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
        count: How many faults there were.
        calms_s: How long after the last of some faults all was as it should be.
    """

    arena: Arena
    seed: int
    pace: Pace
    count: int = 0
    calms_s: list[float] = field(default_factory=list)
    _done: Counter[str] = field(default_factory=Counter)
    _volumes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with a generator that nobody else uses."""
        self._chance = Random(self.seed)

    def blow(self, until: int, *, spare_daemon: bool = False) -> None:
        """Let faults befall the host until there were so many, with a calm after each gust of them."""
        rows = {name: row for name, row in FAULTS.items() if not (spare_daemon and row.kills_daemon)}
        weights = [row.weight for row in rows.values()]
        while self.count < until:
            (name,) = self._chance.choices(list(rows), weights)
            self._befall(name)
            if self.count % GUST == 0 or self.count == until:
                self.calm()

    def _befall(self, name: str) -> None:
        self.count += 1
        self._done[name] += 1
        try:
            what = FAULTS[name].do(self.arena, self._chance)
        except LabError as error:
            what = f"could not: {error}"
        self.arena.said()
        print(f"{self.count:>5}  {name:<16}{what}", flush=True)
        time.sleep(self._chance.random() * self.pace.pause_s)

    def calm(self, *, first: bool = False) -> None:
        """Wait until all is as it should be, and look at what must hold."""
        mend(self.arena)
        self.arena.said()
        # To begin with, everything is to be made, and libvirt itself is new.
        took_s = self._wait_s(self.pace.calm_within_s * (3 if first else 1))
        if first:
            self._volumes = proof.volumes(self.arena)
        else:
            self.calms_s.append(took_s)
        print(f"       calm after {took_s:.1f} s", flush=True)
        self._check()

    def _wait_s(self, within_s: float) -> float:
        """Return after how many seconds neither a plan nor libvirt itself finds anything amiss."""
        began_s = time.monotonic()
        amiss: object = "no plan can be made"
        while time.monotonic() - began_s < within_s:
            plan = self.arena.plan()
            amiss = (_amiss(plan) or proof.faults(self.arena)) if plan else amiss
            if not amiss:
                return time.monotonic() - began_s
            time.sleep(LOOK_AGAIN_S)
        raise AssertionError(
            f"after {within_s:.0f} s of calm it is not as it should be: {json.dumps(amiss)[:3000]}"
        )

    def _check(self) -> None:
        """Fail unless nothing was touched that must not be."""
        assert self.arena.is_foreign_untouched(), "something of another hand was touched"
        assert proof.volumes(self.arena) == self._volumes, "a volume is another file than it was"
        proof.check_runs(self.arena)
        lines = list(self.arena.lines())
        begun = [line for line in lines if line["event"] == "action.started" and line["verb"] in UNASKED]
        assert not begun, f"nobody asked for this: {begun}"
        crashed = [line for line in lines if line["event"] in MISTAKES]
        assert not crashed, crashed[0]

    def counts(self) -> dict[str, int]:
        """Return how often each fault came."""
        return dict(sorted(self._done.items()))

    def use(self) -> Use:
        """Return what the daemon holds of the machine."""
        home = Path(f"/proc/{self.arena.pid}")
        lines = (line.partition(":") for line in (home / "status").read_text().splitlines())
        words = {name: text.split() for name, _, text in lines}
        files = sum(1 for _ in (home / "fd").iterdir())
        return Use(int(words["VmRSS"][0]) // 1024, int(words["Threads"][0]), files)


def _amiss(plan: dict[str, Any]) -> list[object]:
    """Return what a plan would do, and what it cannot, but for what waits to be confirmed."""
    held = [h for h in plan["held"] if h["hold"] != "prune"]
    return [*plan["actions"], *held, *plan["problems"]]
