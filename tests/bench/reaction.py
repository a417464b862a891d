"""
Measure how soon a running daemon reacts to a change: `./dev bench --reaction`.

The time is from the change to the daemon's first call that changes something, less its debounce, and to
convergence.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.host import NETWORK_NAME, PROBE, Subject, timed
from tests.lab.background import Background
from tests.origin import Origin
from tests.processes import signal_process
from tests.waiting import wait_until

TIMES = 5
IDLE_S = 20.0
WITHIN_S = 60.0
TICKS_S = os.sysconf("SC_CLK_TCK")

Line = dict[str, Any]


@dataclass
class Watched:
    """A daemon over the bench's host, and its log as it grows."""

    background: Background
    debounce_s: float
    seen: int = 0
    lines: list[Line] = field(default_factory=list)

    def after(self, event: str, **fields: object) -> Line:
        """Wait for a line after the last one that was awaited."""
        found: list[Line] = []

        def is_there() -> bool:
            self.background.check()
            text = self.background.log.read_text()
            self.lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
            for number, line in enumerate(self.lines[self.seen :], self.seen):
                if line["event"] == event and fields.items() <= line.items():
                    self.seen = number + 1
                    found.append(line)
                    return True
            return False

        wait_until(is_there, f"the daemon logs {event} {fields}", WITHIN_S)
        return found[0]

    def settle(self) -> None:
        """Wait for a pass that has nothing to do."""
        while self.after("pass.ended").get("done"):
            continue

    def reaction(self, happen: Callable[[], float]) -> tuple[float, float]:
        """Return the seconds after the debounce until the daemon acted, and until it was done."""
        happened_s = happen() + self.debounce_s
        begun = self.after("action.started")
        self.settle()
        ended = [line for line in self.lines[: self.seen] if line["event"] == "action.done"][-1]
        return at_s(begun) - happened_s, at_s(ended) - happened_s

    @property
    def pid(self) -> int:
        """The daemon's process."""
        return self.background.pid


def report(subject: Subject) -> None:
    """Print how soon the daemon acts on each kind of change, and its cost while nothing changes."""
    count = subject.count
    raw_s = median(timed(subject.define_one) for _ in range(TIMES))
    print(f"{count:>7}  {'a plain define, for comparison':<44}{raw_s:>8.3f}s")
    with watched(subject, {"KVMRECONCILE_SPECS": str(subject.directory)}) as daemon:
        show(daemon, count, "a file saved", Saving(subject))
        show(daemon, count, "a guest destroyed by hand", lambda: run_virsh(subject, "destroy", PROBE))
        show(
            daemon,
            count,
            "a network stopped by hand",
            lambda: run_virsh(subject, "net-destroy", NETWORK_NAME),
        )
        show_idle(daemon, count)
    origin = Origin(subject.lab.path)
    committing = Committing(subject, origin)
    committing()
    fed = {"KVMRECONCILE_GIT": json.dumps({"url": str(origin.path), "poll": "1h"})}
    with watched(subject, fed) as daemon:
        show(daemon, count, "a commit pushed, and notified", lambda: committing.commit_and_notify(daemon))


@contextmanager
def watched(subject: Subject, more: dict[str, str]) -> Iterator[Watched]:
    """Yield a daemon that has nothing left to do."""
    settings = subject.session.settings
    environment = {
        **os.environ,
        "KVMRECONCILE_CONNECT": settings.connect,
        "KVMRECONCILE_STATE": str(settings.state),
        **more,
    }
    background = Background(environment, subject.lab.path / "daemon.log")
    background.start()
    try:
        daemon = Watched(background, settings.debounce_s)
        daemon.settle()
        yield daemon
    finally:
        background.stop()


def show(daemon: Watched, count: int, what: str, happen: Callable[[], float]) -> None:
    """Make a change `count` times and print the median times."""
    both = [daemon.reaction(happen) for _ in range(TIMES)]
    begun_s, done_s = (median(times) for times in zip(*both, strict=True))
    print(f"{count:>7}  {what:<44}{begun_s:>8.3f}s to act{done_s:>8.3f}s to be done", flush=True)


def show_idle(daemon: Watched, count: int) -> None:
    """Print the resources that the daemon uses while nothing changes."""
    before = cpu_s(daemon.pid)
    time.sleep(IDLE_S)
    share = 100 * (cpu_s(daemon.pid) - before) / IDLE_S
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    used = {
        line.split(":")[0]: line.split()[1]
        for line in status.splitlines()
        if ":" in line and line.split()[1:]
    }
    memory = int(used["VmRSS"]) // 1024
    print(f"{count:>7}  {'idle':<44}{share:>8.2f}% of a core, {memory} MiB, {used['Threads']} threads")


def cpu_s(pid: int) -> float:
    """Return how many seconds of processor time a process has used (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def run_virsh(subject: Subject, *words: str) -> float:
    """Run a virsh command and return when it was done."""
    subject.lab.virsh(*words)
    return time.time()


def at_s(line: Line) -> float:
    """Return when a line was logged."""
    return datetime.fromisoformat(line["timestamp"]).astimezone(UTC).timestamp()


@dataclass
class Saving:
    """Edits the title of one guest repeatedly."""

    subject: Subject
    number: int = 0

    def __call__(self) -> float:
        """Save the file and return when that was."""
        self.number += 1
        self.subject.specs_of(f"guest-{self.number}", title=f"Saved {self.number}")
        return time.time()


@dataclass
class Committing:
    """Commits all specs, with another title for one guest each time."""

    subject: Subject
    origin: Origin
    number: int = 10

    def __call__(self) -> None:
        """Commit."""
        self.number += 1
        self.subject.specs_of(f"guest-{self.number}", title=f"Committed {self.number}")
        subprocess.run(["cp", "-a", f"{self.subject.directory}/.", self.origin.path], check=True)
        self.origin.git("add", "--all")
        self.origin.git("commit", "--quiet", "--message=another title")

    def commit_and_notify(self, daemon: Watched) -> float:
        """Commit, order a check, and return when that was; the fetch is part of the measured time."""
        self()
        signal_process(daemon.pid, signal.SIGHUP, "kvmreconcile")
        return time.time()
