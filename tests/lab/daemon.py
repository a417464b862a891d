"""Run the daemon as a process over a lab, on a copy of some of the demo's specs, and read its log."""

import json
import os
import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lab.background import Background
from tests.lab.lab import Lab
from tests.waiting import wait_until

DEMO = Path(__file__).parents[2] / "specs/demo"
FILES = ("network.yaml", "storage.yaml", "web1.yaml")
OBJECTS = 7  # a network, a pool, four volumes and a guest
WITHIN_S = 60

Line = dict[str, Any]


class Daemon:
    """The daemon on a copy of some specs, and its log, in which each line is awaited once."""

    def __init__(self, lab: Lab, home: Path, inside: Sequence[str] = ()) -> None:
        self.lab = lab
        self.specs = home / "specs"
        self.state = home / "state"
        self.specs.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copy(DEMO / name, self.specs)
        # Removals are allowed without approval, and their delay is as short as a test can notice.
        self.environment = {
            **os.environ,
            "KVMRECONCILE_CONNECT": lab.uri,
            "KVMRECONCILE_STATE": str(self.state),
            "KVMRECONCILE_SPECS": str(self.specs),
            "KVMRECONCILE_PRUNE": "{Domain: auto, Network: confirm, Volume: auto, StoragePool: auto}",
            "KVMRECONCILE_SETTLE": "{removal: 1s}",
        }
        self.process = Background(self.environment, home / "log", inside)
        self._lines: list[Line] = []
        self._size = 0
        self._read = 0

    def start(self) -> None:
        """Start it, with a new log."""
        self.process.start()
        self._lines, self._size, self._read = [], 0, 0

    def lines(self) -> list[Line]:
        """Return all lines logged since the start."""
        # Called repeatedly, so only new lines are read.
        with self.process.log.open("rb") as log:
            log.seek(self._size)
            new = log.read()
        new = new[: new.rfind(b"\n") + 1]
        self._size += len(new)
        self._lines += [json.loads(line) for line in new.splitlines()]
        return [*self._lines]

    def wait_for(self, event: str, **fields: object) -> Line:
        """Wait for a line after the last one that was awaited."""
        found: list[Line] = []

        def is_there() -> bool:
            self.process.check()
            for number, line in enumerate(self.lines()[self._read :], self._read):
                assert line["event"] != "pass.crashed", line["exception"]
                if line["event"] == event and fields.items() <= line.items():
                    self._read = number + 1
                    found.append(line)
                    return True
            return False

        wait_until(is_there, f"{event} {fields} is logged after line {self._read}", WITHIN_S)
        return found[0]

    def removed(self) -> list[str]:
        """Return the keys whose removal it started."""
        return [
            line["key"]
            for line in self.lines()
            if line.get("verb") == "remove" and line["event"] == "action.started"
        ]

    def done(self, verb: str) -> set[str]:
        """Return the keys of its finished actions."""
        return {
            line["key"]
            for line in self.lines()
            if line.get("verb") == verb and line["event"] == "action.done"
        }

    def wait_until_idle(self, in_sync: int = OBJECTS) -> None:
        """Wait for a pass that finds nothing to do, with no action of earlier passes still running."""
        while self.wait_for("pass.ended", in_sync=in_sync).get("done") or self._begun():
            continue

    def _begun(self) -> set[str]:
        """Return the passes with actions still running at the line that was awaited last."""
        lines = self.lines()[: self._read]
        ended = {line["pass_id"] for line in lines if line["event"] == "pass.completed"}
        return {line["pass_id"] for line in lines if line.get("under_way")} - ended

    def edit(self, name: str, old: str, new: str) -> float:
        """Replace a text in a spec by another and return when that was done."""
        file = self.specs / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        return time.time()

    def is_running(self) -> bool:
        """Return whether the guest runs."""
        return self.lab.virsh("domstate", "web1").strip() == "running"

    def objects(self) -> set[str]:
        """Return the names of all objects on the host."""
        lists = (
            ("list", "--all", "--name"),
            ("net-list", "--all", "--name"),
            ("pool-list", "--all", "--name"),
        )
        names = {name for words in lists for name in self.lab.virsh(*words).split()}
        return names | {line.split()[0] for line in self.lab.virsh("vol-list", "demo").splitlines() if line}


ALL = {"web1", "demo", "golden.qcow2", "web1.qcow2", "web2.qcow2", "db1.qcow2"}


def at_s(line: Line) -> float:
    """Return when a line was logged."""
    return datetime.fromisoformat(line["timestamp"]).astimezone(UTC).timestamp()
