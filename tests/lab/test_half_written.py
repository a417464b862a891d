"""Specs that are truncated or still being written: the running guests lose nothing."""

import random
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.lab.background import PROGRAM
from tests.lab.daemon import DEMO, Daemon, at_s
from tests.lab.demo import MORE_DISKS
from tests.lab.guest import wait_for_agent
from tests.lab.lab import Lab
from tests.lab.replies import disks
from tests.waiting import wait_until

FILES = ("network.yaml", "storage.yaml", "web1.yaml", "web2.yaml", "db1.yaml")
GUESTS = ("web1", "web2", "db1")
OBJECTS = 10  # a network, a pool, five volumes and three guests
SEED = 20260311
CUTS, ALL_CUTS = 12, 40


@pytest.fixture
def demo(daemon: Daemon) -> Daemon:
    """The daemon over the demo's guests, one of them with two disks; removals are delayed as by default."""
    for name in FILES:
        daemon.specs.joinpath(name).write_bytes((DEMO / name).read_bytes())
    with (daemon.specs / "db1.yaml").open("a") as file:
        file.write(MORE_DISKS)
    daemon.environment["KVMRECONCILE_PRUNE"] = "{Network: auto, Domain: auto, Volume: auto}"
    del daemon.environment["KVMRECONCILE_SETTLE"]
    daemon.start()
    daemon.wait_until_idle(in_sync=OBJECTS)
    return daemon


def runs(lab: Lab) -> dict[str, str]:
    """Return the id of each running guest, which changes at each start."""
    return {name: lab.virsh("domid", name).strip() for name in lab.virsh("list", "--name").split()}


def hardware(lab: Lab) -> dict[str, str]:
    """Return the stored and the live definition of each guest and the network."""
    found = {}
    for name in GUESTS:
        for words in (("dumpxml", name), ("dumpxml", "--inactive", name)):
            found[" ".join(words)] = lab.virsh(*words)
    return found | {"network": lab.virsh("net-dumpxml", "demo")}


def parts(definitions: dict[str, str]) -> dict[str, list[str]]:
    """Return the lines of each definition that identify its devices, its memory and its DHCP hosts."""
    words = (
        "<disk ",
        "<target ",
        "<interface ",
        "<mac ",
        "<memory ",
        "<currentMemory ",
        "<vcpu",
        "<host mac",
    )
    return {
        # The guest decides whether its agent is connected.
        name: [
            re.sub(r" state='\w+'", "", line.strip())
            for line in xml.splitlines()
            if line.strip().startswith(words)
        ]
        for name, xml in definitions.items()
    }


def passes(daemon: Daemon) -> int:
    return sum(line["event"] == "pass.ended" for line in daemon.lines())


def begun(daemon: Daemon, since: int) -> list[tuple[str, str]]:
    """Return the actions that were started after a line of the log."""
    lines = daemon.lines()[since:]
    return [(line["verb"], line["key"]) for line in lines if line["event"] == "action.started"]


@pytest.mark.case("8a")
def test_file_truncated_between_two_documents_removes_no_guest_before_the_delay_ends(demo: Daemon) -> None:
    before, whole = runs(demo.lab), (demo.specs / "db1.yaml").read_text()
    (demo.specs / "web2.yaml").unlink()
    web1 = demo.specs / "web1.yaml"
    web1.write_text(web1.read_text() + "---\n" + (DEMO / "web2.yaml").read_text())
    demo.wait_until_idle(in_sync=OBJECTS)

    web1.write_text(web1.read_text().partition("---\n")[0])
    held = demo.wait_for("object.held", key="Domain/web2")
    time.sleep(5.0)

    assert held["why"] == "the specs are not known to have been unchanged for long enough"
    assert runs(demo.lab) == before
    assert (demo.specs / "db1.yaml").read_text() == whole
    # The removal happens once the delay is over.
    demo.wait_for("action.done", key="Domain/web2", verb="remove")
    assert runs(demo.lab).keys() == {"web1", "db1"}


@pytest.mark.case("8b")
def test_file_truncated_inside_a_document_removes_the_disk_only_after_the_delay(demo: Daemon) -> None:
    wait_for_agent(demo.lab, "db1", 60)
    before, db1 = runs(demo.lab), demo.specs / "db1.yaml"
    whole = db1.read_text()

    db1.write_text(whole[: whole.index("    - {name: data")])
    cut_s = time.time()
    demo.wait_for(
        "object.held", key="Domain/db1", why="the specs are not known to have been unchanged for long enough"
    )
    plan = subprocess.run((PROGRAM, "plan"), env=demo.environment, check=True, capture_output=True, text=True)
    assert (
        "held: the specs are not known to have been unchanged for long enough (the spec is known to have been unchanged for "
        in plan.stdout
    )
    assert "note: the guest loses disk data: volume demo/db1-data.qcow2, 256MiB" in plan.stdout
    while time.time() < cut_s + 25.0:
        assert demo.lab.virsh("domblklist", "db1").count("qcow2") == 2
        time.sleep(1.0)
    gone = demo.wait_for("action.started", key="Domain/db1", verb="detach")

    print(f"from file cut to disk taken away: {at_s(gone) - cut_s:.1f} s")
    assert at_s(gone) - cut_s >= 30.0
    wait_until(lambda: disks(demo.lab, "db1") == "vda", "db1 has lost its second disk", 60)
    assert runs(demo.lab) == before


@pytest.mark.case("8b")
def test_file_restored_before_the_delay_ends_changes_nothing(demo: Daemon) -> None:
    db1, before = demo.specs / "db1.yaml", hardware(demo.lab)
    whole, line = db1.read_text(), len(demo.lines())
    db1.write_text(whole[: whole.index("    - {name: data")])
    demo.wait_for(
        "object.held", key="Domain/db1", why="the specs are not known to have been unchanged for long enough"
    )

    db1.write_text(whole)
    demo.wait_for("object.released", key="Domain/db1")
    demo.wait_for("pass.ended")

    assert [step for step in begun(demo, line) if step[1] == "Domain/db1"] == []
    assert parts(hardware(demo.lab)) == parts(before)


@pytest.mark.case("8b")
def test_file_open_for_writing_is_not_read_and_a_restart_changes_nothing(demo: Daemon) -> None:
    web1, line = demo.specs / "web1.yaml", len(demo.lines())
    whole = web1.read_bytes()
    with web1.open("wb") as file:
        file.write(whole.replace(b"96MiB", b"9"))
        file.flush()
        done = passes(demo)
        demo.lab.virsh("destroy", "web2")
        demo.wait_for("action.done", key="Domain/web2", verb="start")
        wait_until(lambda: passes(demo) > done, "a pass is made meanwhile", 60)
        assert ("define", "Domain/web1") not in begun(demo, line)

        demo.process.stop()
        demo.start()
        demo.wait_for("pass.ended")
        time.sleep(3.0)
        demo.lab.virsh("destroy", "web2")
        demo.wait_for("action.done", key="Domain/web2", verb="start")
        assert "Domain/web1" not in {key for _, key in begun(demo, 0)}
        file.seek(0)
        file.write(whole.replace(b"96MiB", b"80MiB"))
        file.truncate()
    closed_s = time.time()

    first = demo.wait_for("action.started", key="Domain/web1")

    print(f"from file closed to first action: {at_s(first) - closed_s:.2f} s")
    assert at_s(first) - closed_s < 5.0
    demo.wait_for("action.done", key="Domain/web1")
    assert ">81920</memory>" in demo.lab.virsh("dumpxml", "--inactive", "web1")


def cut_everywhere(demo: Daemon, count: int) -> None:
    """Truncate files at random bytes, every other one while it is open, and fail if anything is lost."""
    chance = random.Random(SEED)
    before, ids = parts(hardware(demo.lab)), runs(demo.lab)
    for number in range(count):
        path, line = demo.specs / chance.choice(FILES), len(demo.lines())
        whole = path.read_bytes()
        length = chance.randrange(len(whole))
        if number % 2:
            with path.open("wb") as file:
                file.write(whole[:length])
                file.flush()
                make_a_pass(demo, path)
                assert begun(demo, line) == [], (path.name, length)
                file.write(whole[length:])
        else:
            path.write_bytes(whole[:length])
            make_a_pass(demo, path)
            lost = {verb for verb, _ in begun(demo, line)} & {
                "remove",
                "detach",
                "stop",
                "restart",
                "replace",
            }
            assert lost == set(), (path.name, length)
            put_back(path, whole)
        make_a_pass(demo, path)

    assert parts(hardware(demo.lab)) == before
    assert runs(demo.lab) == ids


def make_a_pass(demo: Daemon, beside: Path) -> None:
    """Save a file beside another, and wait for the end of the pass that this triggers."""
    done = passes(demo)
    (demo.specs / next(name for name in FILES if name != beside.name)).touch()
    wait_until(lambda: passes(demo) > done, "a pass is made", 60)
    demo.process.check()


def put_back(path: Path, whole: bytes) -> None:
    """Move a whole file into its place."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(whole)
    draft.replace(path)


@pytest.mark.case("8a")
@pytest.mark.case("8b")
def test_files_truncated_at_random_places_remove_nothing(demo: Daemon) -> None:
    cut_everywhere(demo, CUTS)


@pytest.mark.full
@pytest.mark.case("8a")
@pytest.mark.case("8b")
def test_many_files_truncated_at_random_places_remove_nothing(demo: Daemon) -> None:
    cut_everywhere(demo, ALL_CUTS)
