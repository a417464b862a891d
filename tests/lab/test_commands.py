"""The commands as processes, on a real libvirtd: what libvirt's mock cannot do."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import libvirt
import pytest

from tests.lab.lab import Lab

POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {{name: images}}
spec: {{path: {path}}}
"""
VOLUME = """\
---
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{name: {name}}}
spec: {{pool: images, capacity: 1MiB, format: qcow2}}
"""


@dataclass(frozen=True)
class Commands:
    """kvmreconcile, called on a lab."""

    lab: Lab
    directory: Path

    @property
    def specs(self) -> Path:
        """The specs' directory."""
        return self.directory / "specs"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Call kvmreconcile."""
        common = ["--connect", self.lab.uri, "--state", str(self.directory / "state")]
        command = [sys.executable, "-m", "kvmreconcile", *common, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    def write(self, *volumes: str) -> None:
        """Write the specs of a pool and some volumes."""
        path = self.lab.path / "images/pool"
        text = POOL.format(path=path) + "".join(VOLUME.format(name=name) for name in volumes)
        (self.specs / "a.yaml").write_text(text)

    def volumes(self) -> set[str]:
        """Return the volumes that exist."""
        with self.lab.connect() as connection:
            return set(connection.storagePoolLookupByName("images").listVolumes())

    def is_in_sync(self) -> bool:
        """Return whether nothing is planned."""
        return self.run("plan", str(self.specs), "--detailed-exitcode").returncode == 0


@pytest.fixture
def commands(lab: Lab, tmp_path: Path) -> Commands:
    (tmp_path / "specs").mkdir()
    return Commands(lab, tmp_path)


def test_pool_and_volume_are_created_in_one_run(commands: Commands) -> None:
    commands.write("root")

    result = commands.run("apply", str(commands.specs), "--yes")

    assert result.returncode == 0, result.stderr
    assert commands.volumes() == {"root"}
    assert result.stdout.index("+ StoragePool/images") < result.stdout.index("+ Volume/images/root")
    assert commands.is_in_sync()


def test_volume_of_an_inactive_pool_is_observed_once_the_pool_is_started(commands: Commands) -> None:
    commands.write("root")
    commands.run("apply", str(commands.specs), "--yes")
    commands.lab.virsh("pool-destroy", "images")

    result = commands.run("apply", str(commands.specs), "--yes")

    assert result.returncode == 0, result.stderr
    assert "start StoragePool/images" in result.stderr
    assert "Volume" not in result.stdout
    assert commands.is_in_sync()


@pytest.mark.case("1")
def test_volume_removed_while_its_pool_was_inactive_is_held_after_the_pool_is_started(
    commands: Commands,
) -> None:
    commands.write("root")
    commands.run("apply", str(commands.specs), "--yes")
    commands.lab.virsh("vol-delete", "root", "--pool", "images")
    commands.lab.virsh("pool-destroy", "images")

    approved = json.loads(commands.run("plan", "-o", "json", str(commands.specs)).stdout)["digest"]
    first = commands.run("apply", str(commands.specs), "--approve", approved)

    assert first.returncode == 3
    assert commands.volumes() == set()

    both = commands.run("apply", str(commands.specs), "--yes")

    assert both.returncode == 3, both.stderr
    assert "data is missing" in both.stdout
    assert commands.volumes() == set()


def test_adopted_pool_and_volumes_are_in_sync(commands: Commands) -> None:
    commands.write("root", "data")
    commands.run("apply", str(commands.specs), "--yes")
    (commands.specs / "a.yaml").unlink()
    other = Commands(commands.lab, commands.directory / "other")
    other.specs.mkdir(parents=True)

    result = other.run("adopt", "--all", "-o", str(other.specs))

    assert result.returncode == 0, result.stderr
    files = sorted(f.name for f in other.specs.iterdir())
    assert [f for f in files if not f.startswith("network")] == [
        "storagepool-images.yaml",
        "volume-images-data.yaml",
        "volume-images-root.yaml",
    ]
    assert other.is_in_sync()


DOMAIN = """\
---
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: web1}
spec:
  state: stopped
  memory: 64MiB
  vcpus: {count: 1, maximum: 2}
  disks: [{name: root, volume: {pool: images, name: root}, bus: virtio}]
  xml: <domain type="qemu"/>
"""


def test_adopted_spec_of_a_managed_domain_is_in_sync(commands: Commands) -> None:
    commands.write("root")
    spec = commands.specs / "b.yaml"
    spec.write_text(DOMAIN)
    assert commands.run("apply", str(commands.specs), "--yes").returncode == 0
    spec.unlink()

    result = commands.run("adopt", "Domain/web1", "-o", str(spec))

    assert result.returncode == 0, result.stderr
    assert commands.is_in_sync()


def test_exact_plan_of_a_converged_host_is_empty(commands: Commands) -> None:
    commands.write("root")
    (commands.specs / "b.yaml").write_text(DOMAIN)
    commands.run("apply", str(commands.specs), "--yes")

    result = commands.run("plan", str(commands.specs), "--exact", "--detailed-exitcode")

    assert result.returncode == 0, result.stdout + result.stderr


def test_exact_plan_reports_what_libvirt_would_reject(commands: Commands) -> None:
    commands.write("root")
    wrong = DOMAIN.replace('<domain type="qemu"/>', '<domain type="qemu"><nonsense/></domain>')
    (commands.specs / "b.yaml").write_text(wrong)

    result = commands.run("plan", str(commands.specs), "--exact")

    assert result.returncode == 1
    assert "Domain/web1: libvirt on this machine rejects the definition" in result.stderr
    assert "+ StoragePool/images" in result.stdout


SECRETIVE = DOMAIN.replace(
    'xml: <domain type="qemu"/>',
    "xml: <domain type=\"qemu\"><devices><graphics type='vnc' passwd='hunter2'/></devices></domain>",
)


def test_password_of_a_graphical_console_is_never_shown(commands: Commands) -> None:
    commands.write("root")
    (commands.specs / "b.yaml").write_text(SECRETIVE)
    shown = ""
    for words in (["plan"], ["plan", "-o", "json"], ["plan", "-o", "markdown"], ["diff", "Domain/web1"]):
        result = commands.run(*words, str(commands.specs))
        assert "(secret)" in result.stdout
        shown += result.stdout + result.stderr

    result = commands.run("apply", str(commands.specs), "--yes")
    assert result.returncode == 0, result.stderr
    assert commands.is_in_sync()
    assert "hunter2" not in shown + result.stdout + result.stderr
    with commands.lab.connect() as connection:
        secure = connection.lookupByName("web1").XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    assert "hunter2" in secure
