"""What users type. Separate from what it asks for, so that the daemon and programs need none of it."""

import io
import sys

from kvmreconcile.cli.signals import interruption


def main() -> None:
    """Run the command line and exit with its status."""
    with interruption.watching():
        for stream in (sys.stdout, sys.stderr):
            # A plan is text in any language; a terminal that cannot show a letter is shown its number.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        from kvmreconcile.cli.app import app  # noqa: PLC0415  loaded only when needed

        app()
