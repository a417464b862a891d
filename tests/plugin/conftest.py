"""Install the package of this directory as its users do."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the installed package with its metadata, built by the build backend of kvmreconcile."""
    where = tmp_path_factory.mktemp("session")
    offline = ("--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(where)]
    # A file that its group can write is not loaded.
    subprocess.run([*command, str(PACKAGE)], check=True, umask=0o022)
    return where
