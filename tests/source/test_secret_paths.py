"""Test that a secret path that matches nothing, or a name, is an error at its line and column."""

from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded

BY_NAME = {kind.name: kind for kind in KINDS}
GUEST = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: web}}
spec:
  memory: 1GiB
  boot: {{kernel: /boot/vmlinuz, cmdline: token=1}}
  disks: [{{name: root, volume: {{pool: p, name: v}}}}]
  interfaces: [{{name: lan, network: lan, mac: "52:54:00:00:00:01"}}]
  secret: {}
"""
NAMES = (
    "identifies objects or list entries in plans and therefore cannot be secret; "
    "remove the path; if it also matches other values, list the paths of those values instead"
)


def loaded(directory: Path, secret: str) -> Loaded:
    file = directory / "web.yaml"
    file.write_text(GUEST.format(secret))
    return load([file], BY_NAME, "lab")


@pytest.mark.parametrize(
    "secret",
    [
        "[os/cmdline]",
        "[os/*]",
        "[os]",
        "[devices/disk]",
        "[devices/disk/source]",
        "[devices/**]",
        "[]",
    ],
)
def test_path_that_the_spec_sets_is_accepted(tmp_path: Path, secret: str) -> None:
    found = loaded(tmp_path, secret)

    assert found.problems == ()
    assert list(found.desired) == [Key("Domain", "web")]


@pytest.mark.parametrize(
    ("secret", "place", "what"),
    [
        ("[os/cmdlin]", "9:12", "'os/cmdlin' matches nothing in this spec; did you mean 'os/cmdline'? otherwise, remove the path"),
        ("[os/cmdline, xyz]", "9:24", "'xyz' matches nothing in this spec; remove the path, or use the path of a value of this spec in libvirt's XML"),
        ("[description]", "9:12", "'description' matches nothing in this spec; remove the path, or use the path of a value of this spec in libvirt's XML"),
        ("[nam]", "9:12", "'nam' matches nothing in this spec; remove the path, or use the path of a value of this spec in libvirt's XML"),
        ("[name]", "9:12", f"'name' {NAMES}"),
        ("[devices/interface/mac/@address]", "9:12", f"'devices/interface/mac/@address' {NAMES}"),
        ("[devices/interface/mac]", "9:12", f"'devices/interface/mac' {NAMES}"),
        ("[devices/interface/source/@network]", "9:12", f"'devices/interface/source/@network' {NAMES}"),
    ],
)  # fmt: skip
def test_path_that_matches_nothing_or_a_name_freezes_its_object(
    tmp_path: Path, secret: str, place: str, what: str
) -> None:
    found = loaded(tmp_path, secret)

    (problem,) = found.problems
    assert problem.where == f"{tmp_path}/web.yaml:{place}"
    assert f"{problem.what}; {problem.todo}" == f"Domain/web: spec.secret: {what}"
    assert found.frozen == {Key("Domain", "web")}
    assert not found.desired
