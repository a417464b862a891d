"""Install the package of this directory as its users do."""

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent
FILE = """\
apiVersion: kvmreconcile/v1
kind: HostFile
metadata: {{name: {name}, labels: {{{labels}}}}}
spec: {{content: {content}}}
"""


def install(directory: Path) -> Path:
    """Install the package with its metadata into a directory, by the build backend of kvmreconcile, and return that."""
    offline = ("--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(directory)]
    # A file that its group can write is not loaded.
    subprocess.run([*command, str(PACKAGE)], check=True, umask=0o022)
    return directory
