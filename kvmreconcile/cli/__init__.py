"""The command line."""

import io
import sys

from kvmreconcile.cli.signals import interruption


def main() -> None:
    """Run the command line and exit with its status."""
    with interruption.watching():
        for stream in (sys.stdout, sys.stderr):
            # A terminal whose encoding lacks a character of a plan shows an escape in its place.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        from kvmreconcile.cli.app import app  # noqa: PLC0415  loaded only when needed

        app()
