"""The systemd unit is valid under both its names, and grants the daemon little more than it needs."""

import json
import os
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "kvmreconcile.service"
EXPOSURE = 2.0
"""The highest exposure level that `systemd-analyze security` may report, of 10."""

NAMES = pytest.mark.parametrize("name", ["kvmreconcile.service", "kvmreconcile@.service"])


def analyze(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    # Errors are not checked here: it also searches the host for other units, and for programs that are not installed.
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    text = UNIT.read_text()
    assert "\nExecStart=kvmreconcile run\n" in text
    for name in ("kvmreconcile.service", "kvmreconcile@.service"):
        (tmp_path / name).write_text(text.replace("ExecStart=kvmreconcile", "ExecStart=/bin/true"))
    return tmp_path


@pytest.mark.parametrize("name", ["kvmreconcile.service", "kvmreconcile@lab.service"])
def test_systemd_accepts_unit(units: Path, name: str) -> None:
    result = analyze("verify", "--man=no", units / name)

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.case("24")
def test_unit_disables_core_dumps() -> None:
    assert "\nLimitCORE=0\n" in UNIT.read_text()


@NAMES
def test_unit_exposure_is_below_limit(units: Path, name: str) -> None:
    result = analyze("security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", units / name)

    assert result.returncode == 0, result.stdout


def test_unit_explains_its_granted_permissions(units: Path) -> None:
    found = json.loads(
        analyze("security", "--offline=true", "--json=short", units / "kvmreconcile.service").stdout
    )
    comments = [line for line in UNIT.read_text().splitlines() if line.startswith("#")]
    explained = "\n".join(comments).partition("Permissions that are not denied")[2]
    granted = [row["name"] for row in found if row["exposure"]]

    assert granted
    for name in granted:
        setting, _, member = name.partition("=")
        word = member.strip("~").replace("(INET|INET6)", "INET") if member.startswith("~AF") else setting
        assert word in explained, name


def test_sysusers_creates_user_of_unit(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "sysusers.conf"],
        capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip

    assert (made.returncode, made.stderr) == (0, "")
    user = next(
        u for u in (tmp_path / "etc/passwd").read_text().splitlines() if u.startswith("kvmreconcile:")
    )
    assert user.split(":")[5:] == ["/var/lib/kvmreconcile", "/usr/sbin/nologin"]
    assert "libvirt:x:" in (tmp_path / "etc/group").read_text()
    assert "User=kvmreconcile\n" in UNIT.read_text()
