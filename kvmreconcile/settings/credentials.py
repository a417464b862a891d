"""Find files with secrets, from settings or from systemd credentials."""

import os
from pathlib import Path


def find_credential(named: Path | None, name: str) -> Path | None:
    """
    Return the file of a secret; None if there is none.

    Args:
        named: The file in the settings; None if the setting is not set.
        name: The name of the systemd credential, which is used if `named` is None.

    Source: systemd.exec(5), LoadCredential=
    """
    if named is not None:
        return named
    file = Path(os.environ.get("CREDENTIALS_DIRECTORY", os.devnull), name)
    return file if file.is_file() else None
