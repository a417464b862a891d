"""A set of domains grows and shrinks from the highest ordinal, and each domain gets its own data back."""

import json
import re
from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.session import POOL, Session
from tests.lab.test_kill import is_killed

SET = """\
apiVersion: kvmreconcile/v1
kind: DomainSet
metadata: {{name: web}}
spec:
  replicas: {replicas}
  volumes:
    - name: "{{name}}-data"
      spec: {{pool: images, capacity: 1MiB, format: raw}}
  template:
    metadata: {{labels: {{tier: web}}}}
    spec:
      type: qemu
      memory: 96MiB
      title: Member {{ordinal}}
      boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
      update: {{maxEffect: restart}}
      disks:
        - {{name: data, volume: {{pool: images, name: "{{name}}-data"}}}}
"""
PRUNE = ("--prune", "auto")


@pytest.fixture
def session(lab: Lab, guest_files: GuestFiles, tmp_path: Path) -> Session:
    """A host with the specs of a pool and of a set with three domains."""
    session = Session(lab, tmp_path)
    session.write("images.yaml", POOL.format(path=lab.path / "images/pool"))
    session.write("web.yaml", SET.format(replicas=3, files=guest_files))
    return session


def scale(session: Session, replicas: int) -> None:
    text = (session.specs / "web.yaml").read_text()
    session.write("web.yaml", re.sub(r"replicas: \d+", f"replicas: {replicas}", text))


def wait_for_agents(session: Session, *ordinals: int) -> None:
    """Wait until domains have booted, so that they react when they are asked to shut down."""
    for ordinal in ordinals:
        wait_for_agent(session.lab, f"web-{ordinal}", within_s=300)


def running(session: Session) -> list[str]:
    return sorted(session.lab.virsh("list", "--name").split())


def members(count: int) -> list[str]:
    return [f"web-{ordinal}" for ordinal in range(count)]


def data(session: Session, ordinal: int) -> str:
    """Return the first bytes of the volume of a domain."""
    return session.lab.exec("head", "-c", "9", f"{session.lab.path}/images/pool/web-{ordinal}-data")


def write_data(session: Session, ordinal: int) -> None:
    path = f"{session.lab.path}/images/pool/web-{ordinal}-data"
    session.lab.exec("sh", "-c", f"printf 'ordinal-{ordinal}' | dd of={path} conv=notrunc status=none")


@pytest.mark.timeout(600)
def test_set_grows_and_shrinks_and_each_domain_gets_its_data_back(session: Session) -> None:
    session.converge()
    assert running(session) == members(3)

    scale(session, 8)
    session.converge()
    assert running(session) == members(8)
    for ordinal in range(8):
        write_data(session, ordinal)

    wait_for_agents(session, *range(8))
    scale(session, 3)
    plan = session.plan(*PRUNE)
    assert [held["key"] for held in plan["held"]] == [f"Domain/web-{n}" for n in (7, 6, 5, 4, 3)]
    assert {held["owner"] for held in plan["held"]} == {"DomainSet/web"}
    result = session.apply(*PRUNE, "--approve", plan["digest"])
    assert result.exit_code == 0, result.output
    assert running(session) == members(3)

    scale(session, 5)
    session.converge()
    assert running(session) == members(5)
    assert [data(session, ordinal) for ordinal in range(5)] == [f"ordinal-{n}" for n in range(5)]
    session.assert_in_sync()


def test_lost_domain_gets_its_own_ordinal_again(session: Session) -> None:
    session.converge()
    write_data(session, 1)
    session.lab.virsh("destroy", "web-1")
    session.lab.virsh("undefine", "web-1")

    session.converge()

    assert running(session) == members(3)
    assert data(session, 1) == "ordinal-1"
    session.assert_in_sync()


def test_error_in_a_set_leaves_its_domains_as_they_are(session: Session) -> None:
    session.converge()
    session.edit("web.yaml", "memory: 96MiB", "memry: 104MiB")

    result = session.run("plan", "-o", "json", *PRUNE, str(session.specs))

    plan = json.loads(result.stdout)
    assert (plan["actions"], plan["held"], result.exit_code) == ([], [], 1)
    assert running(session) == members(3)


def test_deleted_set_is_a_removal_of_its_domains_that_needs_an_approval(session: Session) -> None:
    session.converge()
    (session.specs / "web.yaml").unlink()

    plan = session.plan()

    assert plan["actions"] == []
    assert [(held["key"], held["hold"]) for held in plan["held"]] == [
        (f"Domain/web-{n}", "prune") for n in (2, 1, 0)
    ]


def test_edit_of_the_template_changes_one_domain_at_a_time(session: Session) -> None:
    session.converge()
    session.edit("web.yaml", "memory: 96MiB", "memory: 104MiB")

    plan = session.plan()

    assert {action["key"] for action in plan["actions"] if action["effect"] == "restart"} == {"Domain/web-0"}
    assert {(held["key"], held["hold"]) for held in plan["held"]} == {
        ("Domain/web-1", "group"),
        ("Domain/web-2", "group"),
    }


def test_history_and_selection_know_the_objects_of_a_set(session: Session) -> None:
    session.converge()

    history = json.loads(session.run("history", "DomainSet/web", "-o", "json").stdout)
    assert {entry["key"] for entry in history["entries"]} == {
        *(f"Domain/web-{n}" for n in range(3)),
        *(f"Volume/images/web-{n}-data" for n in range(3)),
    }
    scale(session, 4)
    session.edit("images.yaml", "autostart: true", "autostart: false")
    selected = session.plan("--only", "DomainSet/web")
    assert {action["key"] for action in selected["actions"]} == {"Volume/images/web-3-data", "Domain/web-3"}


@pytest.mark.parametrize(("before", "after"), [(3, 4), pytest.param(4, 3, marks=pytest.mark.full)])
@pytest.mark.timeout(600)
def test_apply_killed_while_a_set_is_scaled_converges_in_the_next_run(
    session: Session, before: int, after: int, request: pytest.FixtureRequest
) -> None:
    every, effects = 1 if request.config.getoption("--full") else 3, 1
    while True:
        scale(session, before)
        session.converge(*PRUNE)
        write_data(session, before - 1)
        wait_for_agents(session, before - 1)
        scale(session, after)
        if not is_killed(session, effects, *PRUNE):
            break
        session.converge(*PRUNE)
        assert running(session) == members(after), f"after {effects} side effects"
        session.assert_in_sync()
        effects += every
    assert running(session) == members(after)
    assert effects > every
    if before > after:
        assert data(session, 3) == "ordinal-3"
