"""Faults by virsh: what a careless administrator does, or one who does not know kvmreconcile."""

from random import Random

from tests.chaos.arena import GUESTS, Arena
from tests.chaos.ends import Row


def destroy(arena: Arena, chance: Random) -> str | None:
    """Destroy a guest."""
    return arena.any_guest(chance, lambda g: arena.stopped(g, is_done=arena.run_virsh("destroy", g)))


def undefine(arena: Arena, chance: Random) -> str | None:
    """Undefine a guest, which keeps running as transient."""
    return arena.any_guest(chance, lambda g: arena.run_virsh("undefine", g))


def sleep(arena: Arena, chance: Random) -> str | None:
    """Save a guest's memory to disk."""
    return arena.any_guest(chance, lambda g: arena.stopped(g, is_done=arena.run_virsh("managedsave", g)))


def retitle(arena: Arena, chance: Random) -> str | None:
    """Change a field that the spec sets."""
    guest = chance.choice(GUESTS)
    arena.run_virsh("setvcpus", guest, "1", "--config")
    is_done = arena.run_virsh("desc", guest, "--title", "--config", f"by hand {chance.randrange(100)}")
    return guest if is_done else None


def plug(arena: Arena, chance: Random) -> str | None:
    """Attach a network interface that no spec names."""
    guest = chance.choice(GUESTS)
    words = ("attach-interface", guest, "network", "demo", "--model", "virtio", "--config")
    is_done = arena.run_virsh(*words)
    arena.plugs[guest] += is_done
    return guest if is_done else None


def autostart(arena: Arena, _chance: Random) -> str | None:
    """Disable the network's autostart."""
    return "demo" if arena.run_virsh("net-autostart", "demo", "--disable") else None


def stop_network(arena: Arena, chance: Random) -> str | None:
    """Stop a network."""
    network = chance.choice(("demo", "side"))
    return network if arena.run_virsh("net-destroy", network) else None


def stop_pool(arena: Arena, _chance: Random) -> str | None:
    """Stop the pool."""
    return "demo" if arena.run_virsh("pool-destroy", "demo") else None


def bounce_network(arena: Arena, chance: Random) -> str | None:
    """Stop a network and start it again."""
    network = chance.choice(("demo", "side"))
    is_stopped = arena.run_virsh("net-destroy", network)
    # The daemon may start it first; either way it is started.
    arena.run_virsh("net-start", network)
    return network if is_stopped else None


def bounce_pool(arena: Arena, _chance: Random) -> str | None:
    """Stop the pool and start it again."""
    is_stopped = arena.run_virsh("pool-destroy", "demo")
    arena.run_virsh("pool-start", "demo")
    return "demo" if is_stopped else None


ROWS = (
    *(Row(do) for do in (retitle, plug, autostart, undefine)),
    *(Row(do) for do in (stop_network, stop_pool, bounce_network, bounce_pool)),
    Row(destroy, 2),
    Row(sleep, 1),
)
