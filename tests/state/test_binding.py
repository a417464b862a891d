"""A state belongs to one host, and is given to no other unless somebody says so."""

from dataclasses import replace
from pathlib import Path

from kvmreconcile.model import HostId
from kvmreconcile.state import State
from tests.state.values import reopened

HERE = HostId("2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0001", "qemu:///system")
OTHERS = {
    "another UUID": replace(HERE, uuid="2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0002"),
    "no UUID": replace(HERE, uuid=""),
    "another driver": replace(HERE, driver="qemu:///session"),
}


def test_new_state_belongs_to_nobody_and_is_good_for_every_host(state: State) -> None:
    state.binding.check(HERE, "qemu:///system")

    assert state.binding.host() is None


def test_host_is_known_to_the_next_process(state: State, tmp_path: Path) -> None:
    state.binding.bind(HERE)
    state.close()

    with reopened(tmp_path) as again:
        assert again.binding.host() == HERE
        again.binding.check(HERE, "qemu:///system")


def test_host_that_told_no_uuid_before_is_the_same_when_it_does(state: State) -> None:
    state.binding.bind(replace(HERE, uuid=""))

    state.binding.check(HERE, "qemu:///system")


def test_acceptance_binds_the_state_and_says_what_it_was_bound_to(state: State) -> None:
    other = OTHERS["another UUID"]

    assert state.binding.accept(HERE) == f"the state belongs to {HERE} now"
    assert state.binding.accept(HERE) == f"the state belongs to {HERE} already"
    assert state.binding.accept(other) == f"the state belongs to {other} now, and no longer to {HERE}"
    assert state.binding.host() == other
