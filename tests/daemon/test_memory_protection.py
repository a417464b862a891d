"""Only root can read the daemon's memory."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.daemon.process import Process

NOBODY = "65534"
SCRIPT = """
import os, sys
sys.path[:] = {path!r}
from kvmreconcile.daemon.memory_protection import keep_memory_private
before = os.stat("/proc/self/environ").st_uid
keep_memory_private()
print(before, os.stat("/proc/self/environ").st_uid)
"""


@pytest.mark.case("24")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_memory_and_environment_are_readable_by_root_only() -> None:
    # Started as that user: the memory of a process that only changes to the user is readable by root alone anyway.
    user = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups")
    command = (*user, sys.executable, "-c", SCRIPT.format(path=sys.path))

    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")

    assert done.stdout.split() == [NOBODY, "0"]


@pytest.mark.case("24")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_daemon_keeps_its_memory_private() -> None:
    user = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups")
    # Not pytest's own directory, which that user may not enter.
    with TemporaryDirectory() as home:
        os.chown(home, int(NOBODY), int(NOBODY))
        process = Process(Path(home), {"PYTHONPATH": os.pathsep.join(sys.path)}, within=user)
        process.start()
        assert process.popen
        try:
            process.wait_for("pass.ended")

            assert Path(f"/proc/{process.popen.pid}/environ").stat().st_uid == 0
        finally:
            process.popen.terminate()
            process.end()
