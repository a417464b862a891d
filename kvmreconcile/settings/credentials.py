"""
Find files that hold secrets: named by the settings, or handed over by systemd.

Separate because the repository, the control socket and the webhook each have some, and look for them in the same way.
"""

import os
from pathlib import Path


def credential(named: Path | None, name: str) -> Path | None:
    """
    Return a file that the settings name, else the one that systemd hands over, None if there is neither.

    Source: systemd.exec(5), LoadCredential=
    """
    if named is not None:
        return named
    handed_over = Path(os.environ.get("CREDENTIALS_DIRECTORY", os.devnull), name)
    return handed_over if handed_over.is_file() else None
