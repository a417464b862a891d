"""Check the host without kvmreconcile: by libvirt, by QEMU's logs and by the files themselves."""

import re
from collections import Counter
from hashlib import sha256
from pathlib import Path

from tests.chaos.arena import BASE, GUESTS, SCRATCH, Arena
from tests.chaos.spec_faults import TWINS
from tests.lab.lab import LabError

_STARTED = re.compile("^.{19,30}: starting up libvirt version", re.MULTILINE)
_ENDED = re.compile("^.{19,30}: shutting down, reason=([a-z]+)", re.MULTILINE)
_TITLE = re.compile("^  title: (.*)$", re.MULTILINE)


def faults(arena: Arena) -> list[str]:
    """Return all differences from the specs."""
    found = [what for guest in GUESTS for what in _guest_faults(arena, guest)]
    for words in (("net-info", "demo"), ("net-info", "side"), ("pool-info", "demo")):
        output = output_of(arena, *words)
        if not re.search(r"(Active|State): +(yes|running)", output) or "Autostart:      yes" not in output:
            found.append(f"{' '.join(words)}: {output}")
    return found


def _guest_faults(arena: Arena, guest: str) -> list[str]:
    spec = (arena.specs / f"{guest}.yaml").read_text()
    title = _TITLE.search(spec)
    wanted = {
        ("domstate", guest): "running",
        ("desc", guest, "--title", "--config"): title[1] if title else "",
    }
    seen = {words: output_of(arena, *words).strip() for words in wanted}
    return [f"{' '.join(w)}: {seen[w]!r}" for w in wanted if wanted[w] and seen[w] != wanted[w]]


def check_runs(arena: Arena) -> None:
    """Fail if a guest was stopped or started more often than the faults explain."""
    for guest in GUESTS:
        text = "".join(file.read_text(errors="replace") for file in _logs(arena, guest))
        ends = _ENDED.findall(text)
        # QEMU's log begins before libvirt looks for the disks: a start that it then refuses is none.
        starts = len(_STARTED.findall(text)) - ends.count("failed")
        # libvirtd itself ends a guest whose QEMU it cannot take over when it is started again.
        asked = 1 + arena.stops[guest] + ends.count("daemon")
        assert starts <= asked, (
            f"{guest} was started {starts} times, and there was reason for {asked}: {ends}"
        )
        gentle = [end for end in ends if end == "shutdown"]
        assert not gentle, f"{guest} was shut down without a request"


def _logs(arena: Arena, guest: str) -> list[Path]:
    return sorted((arena.lab.path / "log/qemu").glob(f"{guest}.log*"))


def volumes(arena: Arena) -> dict[str, tuple[int, str]]:
    """
    Return the inode and the digest of each file of the pool; the digest only of files that no guest writes to.
    """
    return {file.name: (file.stat().st_ino, _digest(file)) for file in arena.disk_files.iterdir()}


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest() if file.name in (BASE, SCRATCH) else ""


def check_twins(arena: Arena) -> None:
    """Fail unless there is one guest with the name in its spec, and none with its previous name."""
    text = (arena.specs / "more.yaml").read_text()
    name = next(twin for twin in TWINS if f"{{name: {twin}}}" in text)
    there = set(arena.lab.virsh("list", "--all", "--name").split()) & {*TWINS}
    assert there == {name}, f"{name} is in the specs, and {there} on the host"


def check_restarts(arena: Arena, restarts: int) -> None:
    """Fail if the network whose spec was edited was restarted more than `restarts` times."""
    assert restarts <= arena.lines_taken, f"{restarts} restarts for {arena.lines_taken} edits"


def check_detaches(arena: Arena, keys: list[str]) -> None:
    """Fail if more devices were detached from a running guest than were attached by virsh."""
    for guest, count in Counter(key.partition("/")[2] for key in keys).items():
        assert count <= arena.plugs[guest], (
            f"{guest} lost {count} devices, and was given {arena.plugs[guest]}"
        )


def output_of(arena: Arena, *words: str) -> str:
    try:
        return arena.lab.virsh(*words)
    except LabError as error:
        return str(error)
