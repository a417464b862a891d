"""Faults of processes and of the state: killed, frozen, out of space, damaged or emptied."""

import re
import time
from random import Random

from tests.chaos.arena import GUESTS, Arena
from tests.chaos.ends import Repaired, Row
from tests.lab.lab import MODULAR, LabError
from tests.waiting import wait_until

_GIT_WITHIN_S = 3.0
"""The repository is polled each second."""
_STARTS_WITHIN_S = 30.0
_START_TAKES_S = 3.0
_BRIDGE = re.compile(r"<bridge name='([^']+)'")


def crash(arena: Arena, chance: Random) -> str | None:
    """Kill a guest's QEMU."""

    def kill(guest: str) -> bool:
        is_done = _kill(arena, f"/run/libvirt/qemu/{guest}.pid", "qemu-system")
        return arena.stopped(guest, is_done=is_done)

    return arena.any_guest(chance, kill)


def kill_daemon(arena: Arena, _chance: Random) -> str | None:
    """Kill kvmreconcile, and start it again."""
    arena.kill()
    arena.start()
    return str(arena.pid)


def empty_state(arena: Arena, chance: Random) -> str | None:
    """Empty the state's database while kvmreconcile is off, as a crash of the host may, or remove it."""
    if arena.disk("test -e filler"):
        return None  # Without a state and without space for one it would exit again; systemd restarts it until it stays up.
    how = chance.choice((": >state.sqlite3", "rm -f state.sqlite3"))
    arena.kill()
    arena.disk(f"rm -f state.sqlite3-wal state.sqlite3-shm; {how}")
    arena.start()
    wait_until(lambda: arena.disk("test -s state.sqlite3"), "the daemon has a state", _STARTS_WITHIN_S)
    return how


def kill_libvirtd(arena: Arena, chance: Random) -> str | None:
    """Kill or end libvirtd, and start it again."""
    how = chance.choice(("KILL", "TERM"))
    for guest in GUESTS:
        # A guest that was just being started is started again.
        arena.stops[guest] += not arena.is_running(guest)
    arena.lab.restart_libvirtd(how)
    return how


def kill_driver(arena: Arena, chance: Random) -> str | None:
    """Kill or end one of libvirt's modular daemons to which virtqemud passes calls on, and start it again."""
    daemon, how = chance.choice(MODULAR[:-1]), chance.choice(("KILL", "TERM"))
    arena.lab.restart_daemon(daemon, how)
    return f"{daemon} {how}"


def freeze_libvirtd(arena: Arena, chance: Random) -> str | None:
    """Stop libvirtd (SIGSTOP) for a while, as on a host that swaps."""
    seconds, daemon = chance.choice((1, 2, 4)), arena.lab.main_daemon
    frozen = _freeze(arena, f"$(cat /run/{daemon}.pid)", daemon, seconds)
    return f"{seconds} s" if frozen else None


def freeze_guest(arena: Arena, chance: Random) -> str | None:
    """Stop a guest's QEMU (SIGSTOP) for a while."""

    def freeze(guest: str) -> bool:
        return _freeze(arena, f"$(cat /run/libvirt/qemu/{guest}.pid)", "qemu-system", 2)

    return arena.any_guest(chance, freeze)


def kill_dnsmasq(arena: Arena, _chance: Random) -> str | None:
    """Kill the network's dnsmasq."""
    return "dead" if _kill(arena, "/run/libvirt/network/demo.pid", "dnsmasq") else None


def fill(arena: Arena, _chance: Random) -> str | None:
    """Fill the disk that the state is on."""
    if arena.disk("test -e filler"):
        return None
    arena.disk("dd if=/dev/zero of=filler bs=64k")
    return "full"


def free(arena: Arena, _chance: Random) -> str | None:
    """Make space on it."""
    return "free" if arena.disk("test -e filler && rm -f filler") else None


def checkout(arena: Arena, chance: Random) -> str | None:
    """Damage the checkout of a repository."""
    cut = chance.choice(("rm -f", "truncate -s 7"))
    return cut if arena.disk(f"ls git/revisions/*/*/web1.yaml && {cut} git/revisions/*/*/web1.yaml") else None


def mirror(arena: Arena, chance: Random) -> str | None:
    """Damage the mirror of a repository, as a power cut may."""
    cut = chance.choice(("-size -2 -name '[0-9a-f]*'", "-name '*.pack'", "-name HEAD"))
    is_done = arena.disk(f"find git/mirror.git -type f {cut} -print -exec truncate -s 3 {{}} + | grep -q .")
    return cut if is_done else None


def kill_git(arena: Arena, _chance: Random) -> str | None:
    """Kill git while it fetches, so that its files are half written."""
    deadline_s = time.monotonic() + _GIT_WITHIN_S
    while time.monotonic() < deadline_s:
        if arena.kill_git():
            return "dead"
        time.sleep(0.01)
    return None


def _kill(arena: Arena, pid_file: str, command: str) -> bool:
    """Kill a process; return whether it existed."""
    return _signal(arena, "KILL", f"$(cat {pid_file})", command)


def _freeze(arena: Arena, pid: str, command: str, seconds: int) -> bool:
    """Stop a process (SIGSTOP) for a while; return whether it existed."""
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


def remove_bridges(arena: Arena) -> None:
    """Remove the bridges left by a libvirtd that was killed while it started a network; no libvirtd removes them."""
    left = _left_bridges(arena)
    if left:
        # A network that is being started has its bridge before it is active.
        time.sleep(_START_TAKES_S)
        for bridge in left & _left_bridges(arena):
            arena.lab.exec("ip", "link", "delete", bridge)


def _left_bridges(arena: Arena) -> set[str]:
    """Return the network devices that are named like the bridge of an inactive network."""
    inactive = arena.lab.virsh("net-list", "--inactive", "--name").split()
    bridges = {b for name in inactive for b in _BRIDGE.findall(_definition(arena, name))}
    devices = {line.split(":")[1].strip() for line in arena.lab.exec("ip", "-o", "link").splitlines()}
    return bridges & devices


def _definition(arena: Arena, network: str) -> str:
    """Return the definition of a network, "" if it is gone: interim networks come and go."""
    try:
        return arena.lab.virsh("net-dumpxml", network)
    except LabError:
        return ""


def make_space(arena: Arena) -> None:
    """Make space on the disk that the state is on."""
    arena.disk("rm -f filler")


ROWS = (
    *(Row(do, 2) for do in (crash, kill_dnsmasq)),
    Row(fill, 2, Repaired(), make_space),
    Row(free, 6),
    *(Row(do, 2, only="repository") for do in (checkout, mirror, kill_git)),
    *(Row(do, 1) for do in (kill_libvirtd, freeze_libvirtd, freeze_guest)),
    Row(kill_driver, 3, only="modular"),
    Row(kill_daemon, 2, kills_daemon=True),
    Row(empty_state, 1, kills_daemon=True),
)
