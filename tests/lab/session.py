"""A small real host with specs, for tests from YAML to libvirt through the command line."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from kvmreconcile.cli.app import app
from tests.lab.guest import GuestFiles
from tests.lab.lab import Lab

NETWORK = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: lan}
spec:
  autostart: true
  mode: nat
  bridge: virbr9
  stp: false
  addresses:
    - address: 192.0.2.1/24
      dhcp:
        ranges: [{start: 192.0.2.100, end: 192.0.2.200}]
        hosts:
          - {mac: "52:54:00:00:00:21", ip: 192.0.2.21}
          - {mac: "52:54:00:00:00:22", ip: 192.0.2.22}
  xml: |
    <network xmlns:dnsmasq="http://libvirt.org/schemas/network/dnsmasq/1.0">
      <dnsmasq:options><dnsmasq:option value="no-ping"/></dnsmasq:options>
    </network>
"""
POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {{name: images}}
spec: {{autostart: true, path: {path}}}
"""
VOLUME = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{name: {name}}}
spec: {{pool: images, capacity: 1MiB, format: qcow2}}
"""
# It runs the tiny Linux, which answers on its agent, and releases devices that are unplugged.
RUNNING = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: web1}}
spec:
  type: qemu
  autostart: true
  title: The web
  description: Serves pages
  memory: 128MiB
  vcpus: {{count: 1, maximum: 2}}
  onReboot: restart
  boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
  disks:
    - {{name: root, volume: {{pool: images, name: root}}, cache: writeback}}
    - {{name: data, volume: {{pool: images, name: data}}}}
  interfaces:
    - {{name: lan, network: lan, mac: "52:54:00:00:00:21"}}
"""
STOPPED = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: db1}}
spec:
  state: stopped
  type: qemu
  autostart: false
  title: The database
  description: Keeps records
  memory: 96MiB
  vcpus: 1
  onReboot: restart
  boot: {{order: [hd, network], kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}
  disks:
    - {{name: root, volume: {{pool: images, name: db}}, cache: none}}
  interfaces:
    - {{name: lan, network: lan, mac: "52:54:00:00:00:22"}}
"""
ORDER = (
    "Network/lan",
    "StoragePool/images",
    "Volume/images/data",
    "Volume/images/db",
    "Volume/images/root",
    "Volume/images/spare",
    "Domain/db1",
    "Domain/web1",
)
"""All objects of the small session, prerequisites before their dependents."""

AT_ONCE = {"KVMRECONCILE_SETTLE": "{removal: 0s}"}
"""The setting that removes without delay what an edit removes."""


@dataclass(frozen=True)
class Session:
    """A lab, a directory of specs and one of state, and kvmreconcile called on them."""

    lab: Lab
    directory: Path

    @property
    def specs(self) -> Path:
        """The specs' directory."""
        return self.directory / "specs"

    @property
    def state(self) -> Path:
        """The state's directory."""
        return self.directory / "state"

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings in the environment: removals are not delayed."""
        return AT_ONCE

    def words(self, *words: str) -> list[str]:
        """Return the words of a command line."""
        return ["--connect", self.lab.uri, "--state", str(self.state), *words]

    def run(self, *words: str, instance: str = "default") -> Result:
        """Call kvmreconcile with the settings."""
        settings = {"KVMRECONCILE_INSTANCE": instance, **self.settings}
        return CliRunner(env=settings).invoke(app, self.words(*words), catch_exceptions=False)

    def write(self, name: str, text: str) -> None:
        """Write a spec file."""
        self.specs.mkdir(parents=True, exist_ok=True)
        (self.specs / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a spec file."""
        text = (self.specs / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def populate(self, files: GuestFiles) -> None:
        """Write the specs of the small session."""
        pool = POOL.format(path=self.lab.path / "images/pool")
        volumes = [VOLUME.format(name=name) for name in ("root", "data", "db", "spare")]
        self.write("lan.yaml", NETWORK)
        self.write("images.yaml", "---\n".join([pool, *volumes]))
        self.write("web1.yaml", RUNNING.format(files=files))
        self.write("db1.yaml", STOPPED.format(files=files))

    def plan(self, *words: str) -> Mapping[str, Any]:
        """Return the plan as JSON."""
        result = self.run("plan", "-o", "json", str(self.specs), *words)
        assert result.exit_code == 0, result.output
        plan: Mapping[str, Any] = json.loads(result.stdout)
        return plan

    def apply(self, *words: str) -> Result:
        """Apply all that policy allows."""
        return self.run("apply", "--yes", str(self.specs), *words)

    def converge(self, *words: str) -> Result:
        """Apply all that policy allows, and fail unless the exit status is 0."""
        result = self.apply(*words)
        assert result.exit_code == 0, result.output
        return result

    def drift(self) -> list[str]:
        """Return all planned actions, held or not, with one line for each action and change."""
        plan = self.plan()
        return list(describe_actions([*plan["actions"], *plan["held"]]))

    def assert_in_sync(self) -> None:
        """Fail unless nothing is planned, nothing held, and nothing pending."""
        plan = self.plan()
        planned = list(describe_actions([*plan["actions"], *plan["held"]]))
        assert not planned, planned
        assert not plan["pending"], plan["pending"]
        assert not plan["problems"], plan["problems"]


def describe_actions(actions: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Yield "web1: define" and, for each change of it, "web1: ~ memory"."""
    for action in actions:
        name = action["key"]
        yield f"{name} {action['verb']}"
        for change in action["changes"]:
            yield f"{name} {change['sign']} {change['path']}".rstrip()


def run_virsh_with_xml(lab: Lab, verb: str, xml: str, *words: str) -> None:
    """Give virsh a definition, as an administrator would."""
    path = lab.path / "by-hand.xml"
    path.write_text(xml)
    lab.virsh(verb, *words, str(path))
