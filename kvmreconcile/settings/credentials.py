"""Find files with secrets, which a setting names or systemd passes as credentials."""

import os
from pathlib import Path


def find_credential(named: Path | None, name: str) -> Path | None:
    """
    Return the file that a setting names, else systemd's credential of that name, None if there is neither.

    Source: systemd.exec(5), LoadCredential=
    """
    if named is not None:
        return named
    file = Path(os.environ.get("CREDENTIALS_DIRECTORY", os.devnull), name)
    return file if file.is_file() else None
