"""Provide libvirt's test driver, and call the command line as a function."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libvirt
import pytest
from typer.testing import CliRunner, Result

from kvmreconcile.cli.app import app
from kvmreconcile.host.connection import connect
from kvmreconcile.settings import loading
from kvmreconcile.system import journal

URI = "test:///default"


@dataclass(frozen=True)
class Host:
    """A host of libvirt's test driver, a directory of specs and one of state."""

    virt: libvirt.virConnect
    specs: Path
    state: Path

    def run(self, *words: str, stdin: str = "") -> Result:
        """Run kvmreconcile on this host."""
        common = ["--connect", URI, "--state", str(self.state)]
        return CliRunner().invoke(app, [*common, *words], input=stdin, catch_exceptions=False)

    def write(self, name: str, text: str) -> Path:
        """Write a spec file."""
        file = self.specs / name
        file.write_text(text)
        return file


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Yield an empty host."""
    monkeypatch.setattr(loading, "DEFAULT_FILE", tmp_path / "absent.yaml")
    # Tests must not write to the journal of this machine.
    monkeypatch.setattr(journal, "SOCKET", tmp_path / "journal")
    for name in ("KVMRECONCILE_CONNECT", "KVMRECONCILE_CONFIG", "KVMRECONCILE_STATE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    specs = tmp_path / "specs"
    specs.mkdir()
    # The test driver's state belongs to the process, and exists while a connection is open.
    with connect(URI) as connection:
        _clear(connection.virt)
        yield Host(connection.virt, specs, tmp_path / "state")
        _clear(connection.virt)


def _clear(virt: libvirt.virConnect) -> None:
    found: list[libvirt.virDomain | libvirt.virNetwork | libvirt.virStoragePool] = []
    found += virt.listAllDomains()
    found += virt.listAllNetworks()
    found += virt.listAllStoragePools()
    for each in found:
        if each.isActive():
            each.destroy()
        each.undefine()


def network(name: str, spec: str = "{}") -> str:
    """Return the spec of a network."""
    return f"apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {{name: {name}}}\nspec: {spec}\n"
