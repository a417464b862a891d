"""
What befalls the host: one row each. A fault is done by whoever does not care what comes of it.

Separate from the host it befalls and from the run. A row returns what it did, for the journal; all that is left to
chance comes from the generator it is given, so that a seed tells the whole story.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from tests.chaos.arena import GUESTS, Arena
from tests.lab.lab import LabError

Fault = Callable[[Arena, Random], str]

SPARE = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: spare}
spec: {type: qemu, memory: 32MiB, state: stopped}
"""
BROKEN = (
    "spec: [\n",
    "kind: Domian\n",
    "\tkind: Domain\n",
    "kind: Domain\nkind: Domain\n",
    "%\n",
    "a: &a [*a]\n",
)
GARBLED = b"\xff\xfe\x00 not a spec"


def title(arena: Arena, chance: Random) -> str:
    """Give a guest another title in its spec."""
    guest = chance.choice(GUESTS)
    file = arena.specs / f"{guest}.yaml"
    kept = [line for line in file.read_text().splitlines(keepends=True) if not line.startswith("  title:")]
    kept.insert(kept.index("spec:\n") + 1, f"  title: Number {chance.randrange(10**6)}\n")
    file.write_text("".join(kept))
    return guest


def memory(arena: Arena, chance: Random) -> str:
    """Give a guest more or less memory, most of which waits for its next start."""
    guest, size = chance.choice(GUESTS), chance.choice((96, 104, 112))
    file = arena.specs / f"{guest}.yaml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(f"  memory: {size}MiB\n" if "  memory:" in line else line for line in lines))
    return f"{guest} {size}"


def spare(arena: Arena, _chance: Random) -> str:
    """Write the spec of one more guest, or delete it."""
    file = arena.specs / "spare.yaml"
    if file.exists():
        file.unlink()
        return "deleted"
    file.write_text(SPARE)
    return "written"


def rename(arena: Arena, chance: Random) -> str:
    """Give a spec another file name, as an editor's backup does for a moment."""
    file = arena.specs / f"{chance.choice(GUESTS)}.yaml"
    aside = file.with_suffix(".yaml~")
    file.rename(aside)
    aside.rename(file)
    return file.name


def rewrite(arena: Arena, chance: Random) -> str:
    """Write a spec half, then whole."""
    file = arena.specs / f"{chance.choice(GUESTS)}.yaml"
    text = file.read_text()
    file.write_text(text[: chance.randrange(len(text))])
    file.write_text(text)
    return file.name


def broken(arena: Arena, chance: Random) -> str:
    """Add a file that is no spec."""
    number, text = chance.randrange(3), chance.choice(BROKEN)
    (arena.specs / f"broken{number}.yaml").write_text(text)
    return repr(text)


def unreadable(arena: Arena, chance: Random) -> str:
    """Put something that cannot be read where a spec may be."""
    place = arena.specs / f"unreadable{chance.randrange(3)}.yaml"
    if place.exists() or place.is_symlink():
        return "again"
    if chance.random() < 0.5:
        place.symlink_to("/nonexistent")
        return "a link to nothing"
    place.write_bytes(GARBLED)
    return "garbage"


def destroy(arena: Arena, chance: Random) -> str:
    """Pull a guest's plug."""
    guest = chance.choice(GUESTS)
    arena.stops[guest] += arena.by_hand("destroy", guest)
    return guest


def crash(arena: Arena, chance: Random) -> str:
    """Kill a guest's QEMU."""
    guest = chance.choice(GUESTS)
    arena.stops[guest] += _kill(arena, f"/run/libvirt/qemu/{guest}.pid", "qemu-system")
    return guest


def undefine(arena: Arena, chance: Random) -> str:
    """Undefine a guest, which runs on and is gone with its next stop."""
    guest = chance.choice(GUESTS)
    arena.by_hand("undefine", guest)
    return guest


def sleep(arena: Arena, chance: Random) -> str:
    """Save a guest's memory to disk."""
    guest = chance.choice(GUESTS)
    arena.stops[guest] += arena.by_hand("managedsave", guest)
    return guest


def retitle(arena: Arena, chance: Random) -> str:
    """Change what a spec rules."""
    guest = chance.choice(GUESTS)
    arena.by_hand("setvcpus", guest, "1", "--config")
    arena.by_hand("desc", guest, "--title", "--config", f"by hand {chance.randrange(100)}")
    return guest


def plug(arena: Arena, chance: Random) -> str:
    """Give a guest a network card that no spec names."""
    guest = chance.choice(GUESTS)
    arena.by_hand("attach-interface", guest, "network", "demo", "--model", "virtio", "--config")
    return guest


def autostart(arena: Arena, _chance: Random) -> str:
    """Take the network's autostart away."""
    arena.by_hand("net-autostart", "demo", "--disable")
    return "demo"


def stop_network(arena: Arena, _chance: Random) -> str:
    """Stop the guests' network."""
    arena.by_hand("net-destroy", "demo")
    return "demo"


def stop_pool(arena: Arena, _chance: Random) -> str:
    """Stop the pool."""
    arena.by_hand("pool-destroy", "demo")
    return "demo"


def kill_daemon(arena: Arena, _chance: Random) -> str:
    """Kill kvmreconcile, and start it again."""
    arena.kill()
    arena.start()
    return str(arena.pid)


def kill_libvirtd(arena: Arena, chance: Random) -> str:
    """Kill or end libvirtd, and start it again."""
    how = chance.choice(("KILL", "TERM"))
    for guest in GUESTS:
        # One that was just being started is started again.
        arena.stops[guest] += not arena.is_running(guest)
    arena.lab.restart_libvirtd(how)
    return how


def freeze_libvirtd(arena: Arena, chance: Random) -> str:
    """Keep libvirtd from doing anything for a while, as a host that swaps does."""
    seconds = chance.choice((1, 2, 4))
    _freeze(arena, "$(cat /run/libvirtd.pid)", "libvirtd", seconds)
    return f"{seconds} s"


def freeze_guest(arena: Arena, chance: Random) -> str:
    """Keep a guest's QEMU from doing anything for a while."""
    guest = chance.choice(GUESTS)
    frozen = _freeze(arena, f"$(cat /run/libvirt/qemu/{guest}.pid)", "qemu-system", 2)
    return guest if frozen else f"{guest}: not there"


def kill_dnsmasq(arena: Arena, _chance: Random) -> str:
    """Kill the network's dnsmasq."""
    return "dead" if _kill(arena, "/run/libvirt/network/demo.pid", "dnsmasq") else "not there"


def fill(arena: Arena, _chance: Random) -> str:
    """Fill the disk that the state is on."""
    arena.disk("dd if=/dev/zero of=filler bs=64k")
    return "full"


def empty(arena: Arena, _chance: Random) -> str:
    """Make space on the disk that the state is on."""
    arena.disk("rm -f filler")
    return "free"


def checkout(arena: Arena, chance: Random) -> str:
    """Damage what was laid out of a repository."""
    cut = chance.choice(("rm -f", "truncate -s 7"))
    arena.disk(f"{cut} git/revisions/*/*/web1.yaml")
    return cut


def mirror(arena: Arena, chance: Random) -> str:
    """Damage the copy of a repository, as a power cut may."""
    cut = chance.choice(("-size -2 -name '[0-9a-f]*'", "-name '*.pack'", "-name HEAD"))
    arena.disk(f"find git/mirror.git -type f {cut} -exec truncate -s 3 {{}} +")
    return cut


def kill_git(arena: Arena, _chance: Random) -> str:
    """Kill git while it asks the repository, so that what it was writing is half written."""
    return "dead" if any(arena.kill_git() for _ in range(20)) else "not there"


@dataclass(frozen=True)
class Row:
    """A fault and how often it comes, beside the others."""

    do: Fault
    weight: int = 4
    kills_daemon: bool = False


FAULTS: Mapping[str, Row] = {
    row.do.__name__: row
    for row in (
        *(Row(do, 10) for do in (title, memory)),
        *(Row(do) for do in (spare, rename, rewrite, broken, unreadable)),
        *(Row(do) for do in (retitle, plug, autostart, undefine, stop_network, stop_pool)),
        *(Row(do, 2) for do in (destroy, crash, kill_dnsmasq, fill, checkout, mirror, kill_git)),
        Row(empty, 6),
        *(Row(do, 1) for do in (sleep, kill_libvirtd, freeze_libvirtd, freeze_guest)),
        Row(kill_daemon, 2, kills_daemon=True),
    )
}


def mend(arena: Arena) -> None:
    """Take back what nobody but its maker can: files that are no specs, and a full disk."""
    for file in arena.specs.glob("*.yaml"):
        if file.name.startswith(("broken", "unreadable")):
            file.unlink()
    arena.disk("rm -f filler")
    for leftover in arena.specs.glob("*.yaml~"):
        shutil.move(leftover, leftover.with_suffix(".yaml"))


def _kill(arena: Arena, pid_file: str, command: str) -> bool:
    """Kill a process; tell whether it was there."""
    return _signal(arena, "KILL", f"$(cat {pid_file})", command)


def _freeze(arena: Arena, pid: str, command: str, seconds: int) -> bool:
    """Keep a process from doing anything for a while; tell whether it was there."""
    if not _signal(arena, "STOP", pid, command):
        return False
    time.sleep(seconds)
    _signal(arena, "CONT", pid, command)
    return True


def _signal(arena: Arena, name: str, pid: str, command: str) -> bool:
    try:
        arena.lab.signal(name, command, pid)
    except LabError:
        return False
    return True
