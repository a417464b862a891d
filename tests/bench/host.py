"""
Build a host with many guests that are in sync with their specs, for measurements.

The guests are only defined; one more, which boots nothing, runs.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import libvirt

from kvmreconcile.cli.session import open_session, read_specs
from kvmreconcile.execute.executor import SilentReporter
from kvmreconcile.host.endpoint import LIBVIRT, Endpoints
from kvmreconcile.model import Plan
from kvmreconcile.plan import Overrides
from kvmreconcile.session.kinds import Kinds, known_kinds
from kvmreconcile.session.observe import observe
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.loaded import Loaded
from tests.lab.lab import Lab

PROBE = "probe"
NETWORK_NAME = "bench"
SPEC = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: {name}, labels: {{tier: bench}}}}
spec:
  type: qemu
  state: stopped
  title: {title}
  memory: 1GiB
  vcpus: {{count: 1, maximum: 4}}
  disks:
    - {{name: root, file: /var/lib/libvirt/images/{name}.qcow2}}
    - {{name: media, device: cdrom}}
  interfaces:
    - {{name: lan, network: bench}}
"""
SET = """\
apiVersion: kvmreconcile/v1
kind: DomainSet
metadata: {{name: guest}}
spec:
  replicas: {count}
  template:
    metadata: {{labels: {{tier: bench}}}}
    spec:
      type: qemu
      state: stopped
      title: "Guest {{ordinal}}"
      memory: 1GiB
      vcpus: {{count: 1, maximum: 4}}
      disks:
        - {{name: root, file: "/var/lib/libvirt/images/{{name}}.qcow2"}}
        - {{name: media, device: cdrom}}
      interfaces:
        - {{name: lan, network: bench}}
"""
OTHERS = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: bench}
spec: {mode: nat, addresses: [192.0.2.1/24]}
---
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: probe}
spec: {type: qemu, memory: 32MiB}
"""
READ = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE


@dataclass(frozen=True)
class Subject:
    """
    A lab with domains that are in sync with their specs.

    Attributes:
        set_specs: The specs of the same domains as one set.
        set_session: Plans for the set, with a cache of its own.
    """

    lab: Lab
    session: Session
    specs: Loaded
    set_specs: Loaded
    set_session: Session
    directory: Path
    count: int
    made_in_s: float

    def read(self) -> None:
        """Read every definition, as the shortest possible program does."""
        for domain in self.session.connection.virt.listAllDomains():
            domain.XMLDesc(READ)

    def observe(self) -> None:
        """Read all that a plan reads."""
        observe(self.session.kinds.values(), Endpoints({LIBVIRT: self.session.connection}))

    def plan(self) -> Plan:
        """Make a plan as the daemon does: connected, its specs loaded."""
        return self.session.plan(self.session.observe(self.specs, datetime.now(UTC)), Overrides())

    def plan_set(self) -> Plan:
        """Make a plan for the same domains from one set, as the daemon does."""
        session = self.set_session
        return session.plan(session.observe(self.set_specs, datetime.now(UTC)), Overrides())

    def plan_first(self) -> Plan:
        """Make a plan as a command does, without a cache."""
        session = self.session
        return replace(session).plan(replace(session).observe(self.specs, datetime.now(UTC)), Overrides())

    def load(self) -> None:
        """Load the specs."""
        read_specs([self.directory], self.session.settings, self.session.kinds)

    def command(self) -> None:
        """Run the whole command in a process of its own, as a user does."""
        settings = self.session.settings
        words = ("plan", str(self.directory), "--connect", settings.connect, "--state", str(settings.state))
        subprocess.run((sys.executable, "-m", "kvmreconcile", *words), check=True, capture_output=True)

    def define_one(self) -> None:
        """Define a guest unchanged, as the shortest possible program does."""
        virt = self.session.connection.virt
        virt.defineXML(virt.lookupByName("guest-0").XMLDesc(READ))

    def specs_of(self, name: str, title: str) -> None:
        """Write a guest's spec."""
        (self.directory / f"{name}.yaml").write_text(SPEC.format(name=name, title=title))


@contextmanager
def bench(count: int) -> Iterator[Subject]:
    """Yield a lab with `count` domains, created by an apply."""
    with Lab() as lab:
        directory = lab.path / "specs"
        directory.mkdir()
        (directory / "others.yaml").write_text(OTHERS)
        for number in range(count):
            name = f"guest-{number}"
            (directory / f"{name}.yaml").write_text(SPEC.format(name=name, title=f"Guest {number}"))
        settings = Settings(connect=lab.uri, state=lab.path / "state", specs=directory)
        kinds = known_kinds()
        specs = read_specs([directory], settings, kinds)
        assert not specs.problems, specs.problems
        with open_session(settings, kinds) as session:
            begin = time.monotonic()
            world = session.observe(specs, datetime.now(UTC))
            made = session.execute(session.plan(world, Overrides()), world, SilentReporter())
            assert not made.failed, made.failed
            made_in_s = time.monotonic() - begin
            set_specs = _read_set(lab, count, settings, kinds)
            subject = Subject(lab, session, specs, set_specs, replace(session), directory, count, made_in_s)
            for plan in (subject.plan(), subject.plan_set()):
                assert plan.is_empty, plan
                assert len(plan.in_sync) == len(specs.desired)
            yield subject


def _read_set(lab: Lab, count: int, settings: Settings, kinds: Kinds) -> Loaded:
    """Return the specs of the domains as one set."""
    directory = lab.path / "set"
    directory.mkdir()
    (directory / "others.yaml").write_text(OTHERS)
    (directory / "set.yaml").write_text(SET.format(count=count))
    specs = read_specs([directory], settings, kinds)
    assert not specs.problems, specs.problems
    return specs


def timed(do: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin
