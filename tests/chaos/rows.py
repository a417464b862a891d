"""All faults, by name, and which of them a run can have."""

import shutil
from collections.abc import Collection, Mapping

from tests.chaos import process_faults, spec_faults, storage_faults, virsh_faults
from tests.chaos.arena import Arena
from tests.chaos.ends import Row

ALL: Mapping[str, Row] = {
    row.name: row
    for module in (spec_faults, virsh_faults, process_faults, storage_faults)
    for row in module.ROWS
}


def possible(features: Collection[str], without: Collection[str] = ()) -> Mapping[str, Row]:
    """Return the faults that are possible on a host with these features, without some."""
    unknown = set(without) - ALL.keys()
    assert not unknown, f"there is no fault called {', '.join(sorted(unknown))}"
    return {
        name: row
        for name, row in ALL.items()
        if (not row.only or row.only in features) and name not in without
    }


def tidy(arena: Arena) -> None:
    """Repair what prevents convergence: a full disk, a bridge left by libvirtd, and files that were being renamed."""
    process_faults.make_space(arena)
    process_faults.remove_bridges(arena)
    for leftover in arena.specs.glob("*.yaml~"):
        shutil.move(leftover, leftover.with_suffix(".yaml"))
