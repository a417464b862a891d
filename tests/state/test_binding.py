"""A state belongs to one host. It can be used for another host only after a user accepts this."""

from dataclasses import replace
from pathlib import Path

import pytest

from kvmreconcile.errors import OtherHost
from kvmreconcile.model import HostId
from kvmreconcile.state import State
from tests.state.values import reopened

HERE = HostId("2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0001", "qemu:///system")
OTHERS = {
    "another UUID": replace(HERE, uuid="2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0002"),
    "no UUID": replace(HERE, uuid=""),
    "another driver": replace(HERE, driver="qemu:///session"),
}


def test_new_state_is_unbound_and_accepts_every_host(state: State) -> None:
    state.binding.check(HERE, "qemu:///system")

    assert state.binding.host() is None


def test_binding_is_read_by_the_next_process(state: State, tmp_path: Path) -> None:
    state.binding.bind(HERE)
    state.close()

    with reopened(tmp_path) as again:
        assert again.binding.host() == HERE
        again.binding.check(HERE, "qemu:///system")


@pytest.mark.case("14")
@pytest.mark.parametrize("other", OTHERS)
def test_other_host_is_refused_with_both_names_and_advice(state: State, tmp_path: Path, other: str) -> None:
    state.binding.bind(HERE)

    with pytest.raises(OtherHost) as caught:
        state.binding.check(OTHERS[other], "qemu+ssh://kvm2/system")

    assert f"{tmp_path}: this state belongs to {HERE}, and qemu+ssh://kvm2/system is {OTHERS[other]}" in str(
        caught.value
    )
    assert "kvmreconcile state accept" in str(caught.value)
    assert not caught.value.retry


def test_host_bound_without_uuid_is_accepted_once_libvirt_reports_a_uuid(state: State) -> None:
    state.binding.bind(replace(HERE, uuid=""))

    state.binding.check(HERE, "qemu:///system")


def test_acceptance_binds_the_state_and_names_the_former_host(state: State) -> None:
    other = OTHERS["another UUID"]
    state.prove()

    assert state.binding.accept(HERE) == f"the state now belongs to {HERE}"
    assert state.binding.accept(HERE) == f"the state already belongs to {HERE}"
    assert state.binding.accept(other) == f"the state now belongs to {other}, and no longer to {HERE}"
    assert state.binding.host() == other


@pytest.mark.case("14")
@pytest.mark.parametrize("other", OTHERS)
def test_second_host_that_claims_the_state_at_the_same_time_is_refused(state: State, other: str) -> None:
    for host in (HERE, OTHERS[other]):
        state.binding.check(host, "qemu:///system")

    state.binding.claim(HERE, "qemu:///system")
    with pytest.raises(OtherHost):
        state.binding.claim(OTHERS[other], "qemu:///system")

    state.binding.claim(HERE, "qemu:///system")
    assert state.binding.host() == HERE


@pytest.mark.case("14")
def test_uuid_is_bound_once_libvirt_reports_it(state: State) -> None:
    state.binding.claim(replace(HERE, uuid=""), "qemu:///system")

    state.binding.claim(HERE, "qemu:///system")

    assert state.binding.host() == HERE
    with pytest.raises(OtherHost):
        state.binding.claim(OTHERS["another driver"], "qemu:///session")
