"""
libvirt's real QEMU driver in the process of the tests. It stores definitions but runs no guests.

libvirt allows one root directory for each process, so all tests share `Embedded`.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import libvirt
import pytest

from kvmreconcile.execute.executor import SilentReporter
from kvmreconcile.execute.libvirt import LibvirtExecutor
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.oracle import CONFIGURATION, oracle
from kvmreconcile.kinds.domain import KIND
from kvmreconcile.kinds.kind import Document, derived_uuid
from kvmreconcile.model import Applied, Desired, Key, Observation, Plan, Report, Source, World
from kvmreconcile.plan import Overrides, plan
from kvmreconcile.plan.secrets.paths import with_former_secrets
from kvmreconcile.state import State
from tests.first_seen import LONG

INSTANCE = "corpus"
KINDS = {"Domain": KIND}


def files() -> list[Path]:
    """Return the domain definitions of the corpus. Skips the test if there is no corpus."""
    folder = os.environ.get("KVMRECONCILE_CORPUS")
    if not folder:
        pytest.skip("KVMRECONCILE_CORPUS names no folder with libvirt's test data")
    return sorted(Path(folder, "domain").glob("*.xml"))


@dataclass(frozen=True)
class Embedded:
    """A hypervisor that holds one domain at a time, and its state."""

    connection: Connection
    state: State

    def define(self, xml: str) -> Key:
        """Define a domain as plain libvirt does, without kvmreconcile."""
        domain = self.connection.virt.defineXML(xml)
        return Key("Domain", domain.name())

    def accepted(self, among: Sequence[Path]) -> list[Path]:
        """Return the definitions that this libvirt accepts, and print all errors."""
        refused = {file: why for file in among if (why := self._refusal(file))}
        for file, why in refused.items():
            print(f"\n  not run: {file.name}: {why}", end="")
        # libvirt 11.3 with QEMU 10.0 refuses 11 of 446: removed machine types, and definitions that were never valid.
        assert len(refused) <= len(among) * 0.1
        return [file for file in among if file not in refused]

    def _refusal(self, file: Path) -> str:
        try:
            self.connection.virt.defineXML(file.read_text()).undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        except libvirt.libvirtError as error:
            return str(error)
        return ""

    def clear(self) -> None:
        """Remove every domain and the applied state."""
        for domain in self.connection.virt.listAllDomains():
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        for key in self.state.applied():
            self.state.forget(key)

    def world(self, desired: Desired, applied: Applied | None = None) -> World:
        """Return the world of a pass with one spec."""
        return World(
            instance=INSTANCE,
            host="embedded",
            now=datetime(2026, 1, 1, tzinfo=UTC),
            desired=with_former_secrets(
                {desired.key: desired}, {desired.key: applied} if applied else self.state.applied()
            ),
            observed=self.observed(),
            applied={desired.key: applied} if applied else self.state.applied(),
            first_seen=LONG,
        )

    def observed(self) -> Observation:
        """Return the observation of the driver."""
        return KIND.driver().observe(self.connection)

    def plan(self, desired: Desired) -> Plan:
        """Return the plan for one spec. All effects are allowed."""
        world = self.world(desired)
        first = plan(world, KINDS)
        return plan(world, KINDS, Overrides(approved=first.digest))

    def apply(self, desired: Desired, todo: Plan) -> Report:
        """Execute a plan."""
        executor = LibvirtExecutor(KINDS, self.connection, self.state, SilentReporter())
        return executor.execute(todo, self.world(desired))


def make_desired(name: str, fields: dict[str, object]) -> Desired:
    """Return the desired object of a spec with these fields."""
    spec = KIND.spec.model_validate(fields)
    document = Document("Domain", name, spec, {}, Source("corpus.yaml", 1, 1), Path())
    return KIND.desire(document, derived_uuid(INSTANCE, Key("Domain", name)))


@contextmanager
def embedded() -> Iterator[Embedded]:
    """Open the one embedded driver of this process."""
    with tempfile.TemporaryDirectory(prefix="kvmreconcile-embed-") as root:
        Path(root, "etc").mkdir()
        Path(root, "etc", "qemu.conf").write_text(CONFIGURATION)
        # Probing QEMU takes 20 s if PID 1 reaps no orphans; the oracle has probed it already.
        oracle().canonical(
            "<domain type='qemu'><name>a</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        )
        shutil.copytree(oracle().capabilities, Path(root, "cache", "qemu", "capabilities"))
        with connect(f"qemu:///embed?root={root}") as connection:
            state = State.open(Path(root, "state"))
            yield Embedded(connection, state)
            state.close()
