"""Each field removed from a network's or pool's spec takes at most one restart, and then nothing is pending."""

from collections.abc import Iterator, Mapping

import pytest

from kvmreconcile.host.connection import connect
from tests.lab.lab import Lab
from tests.lab.passes import Passes
from tests.lab.whole_specs import DISK, ELSEWHERE, IMAGES, KNOWN, WHOLES, Fields, leaves, places

EDITS = [
    pytest.param(name, rest, id=f"{name}, without {what}", marks=pytest.mark.full if number % 2 else ())
    for name, whole in WHOLES.items()
    for number, (what, rest) in enumerate(whole.edits())
]
"""Every second case is only run with --full."""


@pytest.fixture(scope="module")
def places_of_lab(shared_lab: Lab) -> Iterator[Mapping[str, str]]:
    """Devices and a file system of a lab, by their placeholders in specs."""
    lab, images = shared_lab, shared_lab.path / "images"
    lab.reset()
    lab.exec("ip", "link", "add", "out1", "type", "veth", "peer", "name", "out2")
    lab.exec("ip", "link", "add", "br5", "type", "bridge")
    lab.exec("sh", "-c", f"truncate -s 8M {images}/disk && mkfs.ext4 -q {images}/disk")
    disk = lab.exec("losetup", "--find", "--show", f"{images}/disk").strip()
    yield {IMAGES: str(images), DISK: disk}
    lab.reset()
    lab.exec("losetup", "--detach", disk)


@pytest.fixture(scope="module")
def passes(
    request: pytest.FixtureRequest,
    shared_lab: Lab,
    places_of_lab: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Passes]:
    """Passes over an object that is in sync with its complete spec."""
    whole = WHOLES[request.param]
    with connect(shared_lab.uri) as connection:
        passes = Passes(shared_lab, connection, tmp_path_factory.mktemp("passes"), whole.kind, places_of_lab)
        passes.write_spec(whole.all, "restart")
        passes.apply()
        passes.assert_in_sync()
        yield passes
        passes.remove()


@pytest.mark.parametrize(("passes", "rest"), EDITS, indirect=["passes"], scope="module")
def test_removing_and_restoring_a_field_takes_one_restart_each(passes: Passes, rest: Fields) -> None:
    whole, before = passes.fields, passes.events.stops()
    passes.write_spec(rest, "next-boot")
    passes.apply()
    waiting = passes.pending()
    assert passes.pending() == waiting
    assert passes.events.stops() == before

    passes.write_spec(rest, "restart")
    passes.apply()

    for _ in range(3):
        passes.assert_in_sync()
    assert passes.events.stops() == before + bool(waiting)
    passes.write_spec(whole, "next-boot")
    passes.apply()
    passes.restart_by_virsh()
    for _ in range(2):
        passes.assert_in_sync()
    assert passes.events.stops() == before + bool(waiting) + 1


def test_removal_of_every_field_is_tested() -> None:
    for kind in ("Network", "StoragePool"):
        said = {
            ".".join(step for step in place if isinstance(step, str))
            for whole in WHOLES.values()
            if whole.kind == kind
            for place in places(whole.fields)
        }

        assert set(leaves(KNOWN[kind].spec)) - said == (ELSEWHERE if kind == "Network" else set())
