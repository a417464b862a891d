"""Run the daemon as a process on libvirt's test driver, and read its log line by line."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAIT_S = 30
NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"


@dataclass
class Process:
    """
    A daemon process whose log is read line by line.

    Attributes:
        within: A command that executes the daemon in its place.
        read: All lines that were read so far.
    """

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    popen: subprocess.Popen[str] | None = None
    read: str = ""
    within: tuple[str, ...] = ()

    def start(self) -> None:
        specs = self.home / "specs"
        if "KVMRECONCILE_GIT" not in self.settings:
            specs.mkdir(exist_ok=True)
            (specs / "lab.yaml").write_text(NETWORK)
        environment = {
            **os.environ,
            "KVMRECONCILE_CONNECT": "test:///default",
            "KVMRECONCILE_STATE": str(self.home / "state"),
            **self.settings,
        }
        command = [sys.executable, "-m", "kvmreconcile", "run", *([str(specs)] if specs.exists() else [])]
        self.popen = subprocess.Popen(
            [*self.within, *command], env=environment, stderr=subprocess.PIPE, text=True
        )

    def wait_for(self, event: str) -> dict[str, Any]:
        """Read up to a line with this event."""
        assert self.popen
        assert self.popen.stderr
        for text in self.popen.stderr:
            self.read += text
            line: dict[str, Any] = json.loads(text)
            if line["event"] == event:
                return line
        raise AssertionError(f"the daemon ended without {event}")

    def end(self) -> tuple[int, str]:
        """Wait for the end of the process, and return its exit status and the rest of its log."""
        assert self.popen
        _, rest = self.popen.communicate(timeout=WAIT_S)
        return self.popen.returncode, rest
