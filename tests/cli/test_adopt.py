import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual
from kvmreconcile.session import kinds as installed
from tests.cli.conftest import Host, network

THEIRS = "<network><name>theirs</name><forward mode='nat'/><ip address='10.9.8.1' prefix='24'/></network>"


def _define(host: Host, xml: str = THEIRS) -> None:
    host.virt.networkDefineXML(xml)


def test_adopted_object_is_managed_and_in_sync(host: Host) -> None:
    _define(host)

    result = host.run("adopt", "Network/theirs", "-o", str(host.specs / "theirs.yaml"))

    assert result.exit_code == 0
    assert "1 adopted, 0 failed" in result.stderr
    assert host.run("plan", str(host.specs), "--detailed-exitcode").exit_code == 0
    assert "urn:kvmreconcile:1" in host.virt.networkLookupByName("theirs").XMLDesc()


def test_dry_run_writes_spec_without_adopting_the_object(host: Host) -> None:
    _define(host)

    result = host.run("adopt", "Network/theirs", "--dry-run", "-o", str(host.specs / "theirs.yaml"))

    assert result.exit_code == 0
    assert "urn:kvmreconcile:1" not in host.virt.networkLookupByName("theirs").XMLDesc()
    assert not host.state.exists()
    assert host.run("plan", str(host.specs), "--detailed-exitcode").exit_code == 3


@pytest.mark.case("32")
def test_object_with_a_missing_reference_is_not_adopted(host: Host) -> None:
    _define(host)
    host.virt.defineXML(
        "<domain type='test'><name>alone</name><memory>65536</memory><os><type>hvm</type></os><devices>"
        "<interface type='network'><source network='gone'/></interface></devices></domain>"
    )

    result = host.run("adopt", "--all", "-o", str(host.specs))

    assert result.exit_code == 1
    assert (
        "adopt: Domain/alone refers to Network/gone, which no spec defines and which does not exist on the host"
        in result.stderr
    )
    assert "not adopted, because the generated spec would change the object" not in result.stderr
    assert result.stderr.splitlines()[-1] == "1 adopted, 0 failed, 1 not adopted"
    assert [file.name for file in host.specs.iterdir()] == ["network-theirs.yaml"]


def test_adopt_all_writes_one_stream_of_documents(host: Host) -> None:
    _define(host)
    _define(host, "<network><name>more</name></network>")

    result = host.run("adopt", "--all")

    assert result.exit_code == 0
    documents = list(yaml.safe_load_all(result.stdout))
    assert [d["metadata"]["name"] for d in documents] == ["more", "theirs"]


def test_directory_gets_one_file_for_each_object(host: Host) -> None:
    _define(host)
    _define(host, "<network><name>more</name></network>")

    assert host.run("adopt", "--all", "-o", str(host.specs)).exit_code == 0
    assert sorted(f.name for f in host.specs.iterdir()) == ["network-more.yaml", "network-theirs.yaml"]
    assert host.run("plan", str(host.specs), "--detailed-exitcode").exit_code == 0


def test_existing_file_is_not_overwritten_and_nothing_is_adopted(host: Host, tmp_path: Path) -> None:
    _define(host)
    file = tmp_path / "mine.yaml"
    file.write_text("precious")

    result = host.run("adopt", "Network/theirs", "-o", str(file))

    assert result.exit_code == 1
    assert "the file exists" in result.stderr
    assert file.read_text() == "precious"
    assert "urn:kvmreconcile:1" not in host.virt.networkLookupByName("theirs").XMLDesc()


def test_object_of_another_instance_is_not_adopted(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_INSTANCE", "other")
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")
    monkeypatch.setenv("KVMRECONCILE_INSTANCE", "mine")

    result = host.run("adopt", "Network/lab")

    assert result.exit_code == 1
    assert 'it is marked as managed by the instance "other"' in result.stderr
    assert result.stdout == ""


def test_adopt_prunes_no_managed_object(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_PRUNE", "{Network: auto}")
    host.write("a.yaml", network("ours"))
    host.run("apply", str(host.specs), "--yes")
    _define(host)

    assert host.run("adopt", "Network/theirs").exit_code == 0
    assert {n.name() for n in host.virt.listAllNetworks()} == {"ours", "theirs"}


@pytest.mark.parametrize("words", [[], ["--all", "Network/theirs"]])
def test_adopt_needs_either_names_or_all(host: Host, words: list[str]) -> None:
    result = host.run("adopt", *words)

    assert result.exit_code == 1
    assert "name them as KIND/NAME, or use --all" in result.stderr


def test_spec_file_is_world_readable_unless_it_contains_secrets(host: Host) -> None:
    _define(host)
    file = host.specs / "theirs.yaml"

    host.run("adopt", "Network/theirs", "-o", str(file))

    assert stat.S_IMODE(file.stat().st_mode) & 0o077 != 0o077
    assert "secrets" not in host.run("adopt", "Network/theirs").stderr


def test_adopt_all_skips_objects_of_another_instance(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_INSTANCE", "other")
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")
    monkeypatch.setenv("KVMRECONCILE_INSTANCE", "mine")
    _define(host)

    result = host.run("adopt", "--all", "--dry-run")

    assert result.exit_code == 0
    assert [d["metadata"]["name"] for d in yaml.safe_load_all(result.stdout)] == ["theirs"]


def test_adopt_all_skips_managed_objects(host: Host) -> None:
    host.write("a.yaml", network("ours"))
    host.run("apply", str(host.specs), "--yes")
    _define(host)

    result = host.run("adopt", "--all", "-o", str(host.specs))

    assert result.exit_code == 0
    assert sorted(f.name for f in host.specs.iterdir()) == ["a.yaml", "network-theirs.yaml"]
    assert (
        "1 object is already managed and skipped; to write a spec for a managed object, give its KIND/NAME"
        in result.stderr
    )
    again = host.run("adopt", "--all", "--dry-run")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "no unmanaged objects were found" in again.stderr


def test_adopt_all_adopts_objects_recreated_by_another_tool(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")
    host.virt.networkLookupByName("lab").destroy()
    host.virt.networkLookupByName("lab").undefine()
    _define(host, "<network><name>lab</name></network>")

    result = host.run("adopt", "--all", "--dry-run")

    assert [d["metadata"]["name"] for d in yaml.safe_load_all(result.stdout)] == ["lab"]


def test_generated_spec_that_would_change_object_is_not_written(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    _define(host)
    _define(host, "<network><name>more</name></network>")
    kinds = [replace(k, adopt=_adopt_wrong_address(k)) if k.name == "Network" else k for k in KINDS]
    monkeypatch.setattr(installed, "KINDS", tuple(kinds))

    result = host.run("adopt", "--all")

    assert result.exit_code == 1
    assert [d["metadata"]["name"] for d in yaml.safe_load_all(result.stdout)] == ["more"]
    assert "not adopted, because the generated spec would change the object: Network/theirs" in result.stderr
    assert "10.9.8.1" in result.stderr
    assert "urn:kvmreconcile:1" not in host.virt.networkLookupByName("theirs").XMLDesc()


def _adopt_wrong_address(kind: Kind) -> Callable[[Actual], dict[str, Any]]:
    """Return an adopt function with an error: it writes another address than the actual one."""
    return lambda actual: {
        k: ["10.9.8.77/24"] if k == "addresses" else v for k, v in kind.adopt(actual).items()
    }


@pytest.mark.case("51")
def test_spec_file_of_interrupted_adopt_is_kept(host: Host) -> None:
    _define(host)
    words = ("adopt", "Network/theirs", "-o", str(host.specs))
    host.run(*words, "--dry-run")

    result = host.run(*words)

    assert result.exit_code == 0
    assert "1 adopted, 0 failed" in result.stderr


def test_objects_that_the_executor_skips_are_not_counted_as_adopted(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVMRECONCILE_EXECUTOR", "dry-run")
    _define(host)
    _define(host, "<network><name>more</name></network>")

    result = host.run("adopt", "--all")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "0 adopted, 0 failed, 2 skipped"


def test_problem_of_invalid_generated_spec_does_not_show_the_temporary_path(host: Host) -> None:
    twins = "<host name='a' mac='52:54:00:00:00:01' ip='10.9.8.5'/><host name='a' mac='52:54:00:00:00:02' ip='10.9.8.6'/>"
    _define(host, THEIRS.replace("prefix='24'/>", f"prefix='24'><dhcp>{twins}</dhcp></ip>"))

    result = host.run("adopt", "--all")

    assert result.exit_code == 1
    assert (
        "Network/theirs: it cannot be adopted: two DHCP hosts have the same name; change the object first"
        in (result.stderr)
    )
    assert "kvmreconcile-adopt-" not in result.stderr
