"""Nobody but root looks into the daemon's memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.process import Process

NOBODY = "65534"
SCRIPT = """
import os, sys
sys.path[:] = {path!r}
from kvmreconcile.daemon.private import keep_memory_private
before = os.stat("/proc/self/environ").st_uid
keep_memory_private()
print(before, os.stat("/proc/self/environ").st_uid)
"""


@pytest.mark.case("24")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_memory_and_environment_are_roots_alone_and_not_the_users() -> None:
    # Started anew as that user: whoever only changes to it can be looked into by root alone anyhow.
    user = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups")
    command = (*user, sys.executable, "-c", SCRIPT.format(path=sys.path))

    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")

    assert done.stdout.split() == [NOBODY, "0"]


@pytest.mark.case("24")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_daemon_keeps_its_memory_private(tmp_path: Path) -> None:
    user = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups")
    process = Process(tmp_path, {"PYTHONPATH": os.pathsep.join(sys.path)}, within=user)
    for directory in (tmp_path, *list(tmp_path.parents)[:2]):
        directory.chmod(0o711)
    os.chown(tmp_path, int(NOBODY), int(NOBODY))
    process.start()
    assert process.popen
    try:
        process.wait_for("pass.ended")
        own = Path(f"/proc/{process.popen.pid}")

        assert (own / "environ").stat().st_uid == 0
    finally:
        process.popen.terminate()
        process.end()
