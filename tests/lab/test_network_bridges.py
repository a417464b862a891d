"""Networks that are created at the same time, and whose bridges libvirt names."""

import re
from concurrent.futures import ThreadPoolExecutor

from kvmreconcile.host.connection import connect
from kvmreconcile.kinds.network import KIND
from kvmreconcile.model import Action, Key, Reason
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect, parse
from tests.lab.lab import Lab

AT_ONCE, ROUNDS = 8, 12


def test_networks_created_at_the_same_time_have_different_bridges(lab: Lab) -> None:
    with connect(lab.uri) as connection, ThreadPoolExecutor(AT_ONCE) as threads:
        for number in range(ROUNDS):
            actions = [created(f"r{number}n{each}") for each in range(AT_ONCE)]
            list(threads.map(lambda action: KIND.driver().perform(connection, action), actions))

    names = lab.virsh("net-list", "--all", "--name").split()
    bridges = [re.findall("<bridge name='([^']+)'", lab.virsh("net-dumpxml", name)) for name in names]
    assert len(names) == AT_ONCE * ROUNDS
    assert len({*map(tuple, bridges)}) == len(names)


def created(name: str) -> Action:
    """Return the creation of a network that leaves the name of its bridge to libvirt."""
    tree = parse(f"<network><name>{name}</name><bridge stp='off'/></network>")
    return Action(Key("Network", name), verb_of("create"), Effect.LIVE, Reason.NEW, tree=tree)
