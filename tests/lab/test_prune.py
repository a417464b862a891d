"""Objects without a spec: which are removed, which need approval, and which are never removed."""

from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.lab.session import POOL, VOLUME, Session, run_virsh_with_xml

NETWORK = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: lan}
spec:
  bridge: virbr9
  addresses:
    - address: 192.0.2.1/24
      dhcp:
        hosts:
          - {mac: "52:54:00:00:00:21", ip: 192.0.2.21}
          - {mac: "52:54:00:00:00:22", ip: 192.0.2.22}
"""
DOMAIN = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: NAME}
spec:
  state: stopped
  type: qemu
  title: A title
  memory: 64MiB
  vcpus: 1
  onReboot: destroy
  disks:
    - {name: root, volume: {pool: images, name: root}, cache: none, serial: abc}
  interfaces:
    - {name: lan, network: lan}
    - {name: second, network: lan, link: down}
"""
NAMES = ("web1", "web2")
DELETED = {
    "title": ("  title: A title\n", "<title>"),
    "lifecycle action": ("  onReboot: destroy\n", "<on_reboot>destroy"),
    "disk's cache": (", cache: none", "cache="),
    "disk's serial": (", serial: abc", "<serial>"),
    "interface": ("    - {name: second, network: lan, link: down}\n", "ua-second"),
    "link": (", link: down", "<link"),
}
"""The lines deleted from the spec, and what must then be gone from the guest."""


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    """A converged host with two stopped guests and what they need."""
    session = Session(lab, tmp_path)
    pool = POOL.format(path=lab.path / "images/pool")
    session.write("lan.yaml", NETWORK)
    session.write("images.yaml", "---\n".join([pool, VOLUME.format(name="root")]))
    for name in NAMES:
        session.write(f"{name}.yaml", DOMAIN.replace("NAME", name))
    session.converge()
    session.assert_in_sync()
    return session


def domains(session: Session) -> set[str]:
    return set(session.lab.virsh("list", "--all", "--name").split())


def everything(session: Session) -> list[str]:
    """Return the names of all objects on the host."""
    lists = (("list", "--all"), ("net-list", "--all"), ("pool-list", "--all"), ("vol-list", "images"))
    return [session.lab.virsh(*words) for words in lists]


def test_line_deleted_from_a_spec_is_deleted_from_the_guest(session: Session) -> None:
    for line, mark in DELETED.values():
        assert mark in session.lab.virsh("dumpxml", "web1")
        session.edit("web1.yaml", line, "")

        session.converge()

        assert mark not in session.lab.virsh("dumpxml", "web1")
        session.assert_in_sync()
        session.write("web1.yaml", DOMAIN.replace("NAME", "web1"))
        session.converge()


def test_dhcp_host_deleted_from_a_spec_is_deleted_from_its_network_only(session: Session) -> None:
    session.edit("lan.yaml", '          - {mac: "52:54:00:00:00:22", ip: 192.0.2.22}\n', "")

    session.converge()

    for flags in ((), ("--inactive",)):
        xml = session.lab.virsh("net-dumpxml", "lan", *flags)
        assert "192.0.2.22" not in xml
        assert "192.0.2.21" in xml
    session.assert_in_sync()


def test_object_without_a_spec_is_removed_once_confirmed(session: Session) -> None:
    (session.specs / "web2.yaml").unlink()

    held = session.apply()

    assert held.exit_code == 3
    assert "removal needs approval" in held.stdout
    assert domains(session) == {"web1", "web2"}

    plan = session.plan()
    done = session.run("apply", str(session.specs), "--approve", plan["digest"])

    assert [(h["key"], h["hold"]) for h in plan["held"]] == [("Domain/web2", "prune")]
    assert done.exit_code == 0, done.output
    assert domains(session) == {"web1"}
    assert "root" in session.lab.virsh("vol-list", "images")
    session.assert_in_sync()


def test_unmanaged_object_with_the_name_of_a_managed_one_is_not_removed(session: Session) -> None:
    (session.specs / "web2.yaml").unlink()
    session.lab.virsh("undefine", "web2")
    foreign = "<domain type='qemu'><name>web2</name><memory>32768</memory><os><type>hvm</type></os></domain>"
    run_virsh_with_xml(session.lab, "define", foreign)

    result = session.apply("--prune", "auto")

    assert result.exit_code == 0, result.output
    assert domains(session) == {"web1", "web2"}


def test_object_without_its_ownership_mark_is_not_removed(session: Session) -> None:
    (session.specs / "web2.yaml").unlink()
    session.lab.virsh("metadata", "web2", "--uri", "urn:kvmreconcile:1", "--remove", "--config")

    result = session.apply("--prune", "auto")

    assert result.exit_code == 0, result.output
    assert domains(session) == {"web1", "web2"}


def test_volumes_and_pools_are_never_removed(session: Session) -> None:
    for file in ("images.yaml", "web1.yaml", "web2.yaml"):
        (session.specs / file).unlink()
    before = session.lab.virsh("vol-list", "images")

    session.apply("--prune", "auto")

    assert session.lab.virsh("vol-list", "images") == before


def test_too_many_removals_at_once_are_all_held(session: Session) -> None:
    for name in NAMES:
        (session.specs / f"{name}.yaml").unlink()

    result = session.apply("--prune", "auto")

    assert result.exit_code == 3
    assert "2 of 2 Domain objects would be removed" in result.stdout
    assert domains(session) == set(NAMES)


def test_empty_directory_removes_nothing(session: Session) -> None:
    before = everything(session)
    for file in session.specs.iterdir():
        file.unlink()

    result = session.apply("--prune", "auto")

    assert result.exit_code == 1
    assert "no spec was found" in result.stdout
    assert everything(session) == before


def test_missing_directory_removes_nothing(session: Session) -> None:
    before = everything(session)
    session.specs.rename(session.directory / "elsewhere")

    result = session.apply("--prune", "auto")

    assert result.exit_code == 1
    assert everything(session) == before


def test_broken_spec_freezes_its_object_and_removes_nothing(session: Session) -> None:
    before = everything(session)
    (session.specs / "web2.yaml").unlink()
    session.edit("web1.yaml", "memory: 64MiB", "memory: much")
    session.edit("lan.yaml", "ip: 192.0.2.22", "ip: 192.0.2.23")

    result = session.apply("--prune", "auto")

    assert result.exit_code == 1
    assert "web1.yaml:" in result.stderr
    assert everything(session) == before
    assert "192.0.2.23" in session.lab.virsh("net-dumpxml", "lan")


def test_file_that_is_not_yaml_removes_nothing(session: Session) -> None:
    before = everything(session)
    session.write("web1.yaml", "apiVersion: [")

    result = session.apply("--prune", "auto")

    assert result.exit_code == 1
    assert everything(session) == before


def test_protected_object_stays_without_its_spec(session: Session) -> None:
    session.edit("web2.yaml", "spec:\n", "spec:\n  protect: true\n")
    session.converge()
    (session.specs / "web2.yaml").unlink()

    plan = session.plan()
    result = session.run("apply", str(session.specs), "--prune", "auto", "--approve", plan["digest"])

    assert [h["hold"] for h in plan["held"]] == ["protected"]
    assert result.exit_code == 3
    assert domains(session) == set(NAMES)


def lose_state(session: Session) -> None:
    """Remove the state database."""
    for file in session.state.iterdir():
        file.unlink()


def test_losing_the_state_removes_nothing(session: Session) -> None:
    before = everything(session)
    lose_state(session)
    (session.specs / "web2.yaml").unlink()

    session.apply("--prune", "auto")

    assert everything(session) == before


def test_domains_networks_and_pools_are_recognized_without_the_state(session: Session) -> None:
    lose_state(session)
    session.edit("web1.yaml", "A title", "Another")
    assert session.run("state", "accept").exit_code == 0

    session.converge("--only", "Domain/web1", "--only", "Network/lan", "--only", "StoragePool/images")

    assert "<title>Another</title>" in session.lab.virsh("dumpxml", "web1")
    assert {h["key"] for h in session.plan()["held"]} <= {"Volume/images/root"}


@pytest.mark.parametrize(
    ("leaves", "what", "words"),
    [
        (["snapshot-create-as"], "snapshots", "removal: {snapshots: forget}"),
        (["start", "managedsave"], "a managed save image", "removal: {managedSave: delete}"),
    ],
)
def test_guest_with_dependent_data_is_removed_only_if_its_last_spec_allows_it(
    session: Session, leaves: list[str], what: str, words: str
) -> None:
    session.edit("web1.yaml", "state: stopped", "state: any")
    session.converge()
    for command in leaves:
        session.lab.virsh(command, "web1")
    spec = (session.specs / "web1.yaml").read_text()
    (session.specs / "web1.yaml").unlink()

    refused = session.apply("--prune", "auto")

    assert refused.exit_code == 3
    assert f"its last spec does not allow the removal of its data (it has {what})" in " ".join(
        refused.output.split()
    )
    assert "web1" in domains(session)

    session.write("web1.yaml", spec.replace("  state: any", f"  state: any\n  {words}"))
    session.converge()
    (session.specs / "web1.yaml").unlink()
    assert session.apply("--prune", "auto").exit_code == 0
    assert "web1" not in domains(session)
