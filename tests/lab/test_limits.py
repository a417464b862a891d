"""Limits that a host cannot enforce are reported with the field and block no other object."""

from pathlib import Path
from typing import Any

import yaml

from tests.lab.lab import Lab
from tests.lab.session import Session


def write_guest(session: Session, name: str, **more: object) -> None:
    """Write the spec of a guest that stays in its firmware."""
    spec: dict[str, Any] = {"type": "qemu", "memory": "64MiB", **more}
    metadata = {"name": name}
    document = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": metadata, "spec": spec}
    session.write(f"{name}.yaml", yaml.safe_dump(document))


def test_limit_that_the_host_rejects_is_reported_and_other_objects_are_reconciled(
    lab: Lab, tmp_path: Path
) -> None:
    session = Session(lab, tmp_path)
    write_guest(session, "heavy1")
    write_guest(session, "light1", title="before")
    session.converge()
    # A loop device has no scheduler that supports weights.
    write_guest(session, "heavy1", blkiotune={"devices": [{"path": "/dev/loop0", "weight": 200}]})
    write_guest(session, "light1", title="after")

    result = session.apply()

    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "not applied: blkiotune/device[/dev/loop0]; if the host does not support these fields" in said
    assert lab.virsh("domstate", "heavy1").strip() == "running"
    assert lab.virsh("desc", "light1", "--title").strip() == "after"
    # The refused change is reverted, and held with the rest of its edit.
    added = "Domain/heavy1 + blkiotune/device[/dev/loop0]"
    assert session.drift() == ["Domain/heavy1 define", "Domain/heavy1 set-blkio", added]
    assert session.plan()["actions"] == []
    assert "/dev/loop0" not in lab.virsh("dumpxml", "--inactive", "heavy1")
