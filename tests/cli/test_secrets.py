"""Secrets are output only in specs that `adopt` writes."""

import stat
from dataclasses import replace

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.session import kinds as installed
from kvmreconcile.tree import paths
from tests.cli.conftest import Host, network

SECRET = "hunter2.example"
# Stopped, since libvirt's test driver has only the live definition of active networks.
SPEC = network("lab", f"{{state: stopped, domain: {{name: {SECRET}}}}}")
OTHER = network("lab", f"{{state: stopped, domain: {{name: other.{SECRET}}}}}")


@pytest.fixture
def secretive(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host where the domain name of a network is a secret."""
    hide(monkeypatch, "domain/@name")
    return host


def hide(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    kinds = [replace(k, rules=replace(k.rules, secrets=paths(path))) for k in KINDS if k.name == "Network"]
    monkeypatch.setattr(installed, "KINDS", tuple(kinds))


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_plan_shows_no_added_changed_or_removed_secret(secretive: Host, output: str) -> None:
    seen = ""
    for spec in (SPEC, OTHER, network("lab", "{state: stopped}")):
        secretive.write("a.yaml", spec)
        result = secretive.run("plan", str(secretive.specs), "-o", output)
        seen += result.output
        assert "(secret)" in result.stdout
        assert secretive.run("apply", str(secretive.specs), "--yes").exit_code == 0

    assert SECRET not in seen


def test_apply_and_diff_show_no_secret(secretive: Host) -> None:
    secretive.write("a.yaml", SPEC)
    seen = secretive.run("apply", str(secretive.specs), "--yes").output
    assert SECRET in secretive.virt.networkLookupByName("lab").XMLDesc()

    secretive.write("a.yaml", OTHER)
    seen += secretive.run("diff", "Network/lab", str(secretive.specs)).output
    seen += secretive.run("apply", str(secretive.specs), "--yes").output
    assert f"other.{SECRET}" in secretive.virt.networkLookupByName("lab").XMLDesc()

    assert SECRET not in seen


def test_secret_in_libvirt_error_is_redacted(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "ip/dhcp/range/@start")
    inside = '<ip address="10.0.0.1" prefix="8"><dhcp><range start="10.0.0.5" end="10.9.0.9"/></dhcp></ip>'
    host.write("a.yaml", network("lab", f"{{xml: '<network>{inside}</network>'}}"))

    output = host.run("apply", str(host.specs), "--yes").output
    output += host.run("history").output + host.run("history", "-o", "json").output

    assert output.count("range (secret) - 10.9.0.9 is too large") == 3
    assert "10.0.0.5" not in output


def test_history_shows_no_added_changed_or_removed_secret(secretive: Host) -> None:
    seen = ""
    for spec in (SPEC, OTHER, network("lab", "{state: stopped}")):
        secretive.write("a.yaml", spec)
        assert secretive.run("apply", str(secretive.specs), "--yes").exit_code == 0
        seen += secretive.run("history").output + secretive.run("history", "-o", "json").output

    assert "domain" in seen
    assert SECRET not in seen


def test_state_holds_no_secret(secretive: Host) -> None:
    secretive.write("a.yaml", SPEC)
    secretive.run("apply", str(secretive.specs), "--yes")

    files = [f.read_bytes() for f in secretive.state.iterdir()]
    assert any(b"Network" in content for content in files)
    assert not any(SECRET.encode() in content for content in files)


def test_adopted_secret_is_reported_and_its_file_is_private(secretive: Host) -> None:
    secretive.virt.networkDefineXML(f"<network><name>lab</name><domain name='{SECRET}'/></network>")
    file = secretive.specs / "lab.yaml"

    result = secretive.run("adopt", "Network/lab", "-o", str(file))

    assert result.exit_code == 0
    assert SECRET in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "Network/lab: the spec contains secrets" in result.stderr
    assert SECRET not in result.output
    assert secretive.run("plan", str(secretive.specs), "--detailed-exitcode").exit_code == 0
