"""
The daemon as a process on libvirt's mock, read line by line.

Separate from the tests, of which several files start one.
"""

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
    A daemon of which each line of the log is read as it comes.

    Attributes:
        within: A command that runs it, in the same process at the end.
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
        """Read on until a line of this event."""
        assert self.popen
        assert self.popen.stderr
        for text in self.popen.stderr:
            self.read += text
            line: dict[str, Any] = json.loads(text)
            if line["event"] == event:
                return line
        raise AssertionError(f"it ended without {event}")

    def end(self) -> tuple[int, str]:
        """Wait for its end, and return exit status and what it still wrote."""
        assert self.popen
        _, rest = self.popen.communicate(timeout=WAIT_S)
        return self.popen.returncode, rest
