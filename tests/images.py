"""Create qcow2 images with QEMU's programs."""

import subprocess
from pathlib import Path


def made(path: Path, *options: str, size: str = "64M") -> Path:
    """Create an image with data at its start and end, and holes between."""
    words = ("-o", ",".join(options)) if options else ()
    qemu("qemu-img", "create", "-f", "qcow2", *words, str(path), size)
    commands = ("-c", "write -P 7 0 1M", "-c", "write -P 8 40M 1M")
    qemu("qemu-io", "-f", "qcow2", *commands, str(path))
    return path


def qemu(*command: str) -> None:
    """Run one of QEMU's programs."""
    subprocess.run(command, check=True, capture_output=True)
