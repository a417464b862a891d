"""
Act as a hostile daemon user: repeatedly replace files in its directory by links to a file of root.

    python -m tests.state.link_attacker DIRECTORY TARGET UID SEED
"""

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

NAMES = (
    "state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm", "state.sqlite3-journal", "state.sqlite3.new", "lock", "work.lock",
    "suspensions.json", "suspensions.json.new", "git", "git/lock", "git/mirror.git", "git/mirror.git/config",
    "git/mirror.git/HEAD", "git/mirror.git/hooks", "git/mirror.git/objects", "git/mirror.git/packed-refs", "git/revisions",
    "git/revisions/current", "git/revisions/.current", "git/signature", "git/payload", "git/first-checked.json",
    "git/first-checked.new",
)  # fmt: skip


def main(directory: Path, target: Path, uid: int, dice: Random) -> None:
    os.setgroups(())
    os.setgid(uid)
    os.setuid(uid)
    while True:
        place = directory / (dice.choice(NAMES) if dice.random() < 0.7 else found(directory, dice))
        kind = dice.randrange(2)
        time.sleep(dice.choice((0, 0.001, 0.05)))
        with suppress(OSError):
            if dice.random() < 0.7:
                # All links are removed, so that some commands succeed.
                for path in directory.rglob("*"):
                    if path.is_symlink() and path.name != "current":
                        path.unlink()
                time.sleep(dice.choice((0, 0.01, 0.2)))
                continue
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place, ignore_errors=True)
            beside = directory / f".swap-{dice.randrange(9)}"
            beside.symlink_to(target.parent if kind == 1 else target)
            beside.rename(place)


def found(directory: Path, dice: Random) -> str:
    """Return the name of a random existing file, or of a usual one if there is none."""
    names = [str(path.relative_to(directory)) for path in directory.rglob("*")]
    return dice.choice(names or NAMES)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Random(int(sys.argv[4])))
