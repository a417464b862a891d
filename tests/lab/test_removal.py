"""What a plan says of a removal before it is approved, on a host with a running guest."""

import re
from pathlib import Path

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.session import Session

PRUNE = "{Domain: confirm, Network: confirm, Volume: confirm, StoragePool: confirm}"


@pytest.fixture
def session(lab: Lab, guest_files: GuestFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A converged host with a running and a stopped guest, where no kind is retained."""
    monkeypatch.setenv("KVMRECONCILE_PRUNE", PRUNE)
    monkeypatch.setenv("KVMRECONCILE_LIMITS", "{maxDeleteShare: 1}")
    session = Session(lab, tmp_path)
    session.populate(guest_files)
    session.converge()
    return session


def text(session: Session, *words: str) -> str:
    return re.sub(r"\s+", " ", session.run("plan", str(session.specs), *words).stdout)


@pytest.mark.case("13a")
@pytest.mark.case("13b")
def test_plan_lists_each_removal_with_its_consequences(session: Session) -> None:
    wait_for_agent(session.lab, "web1")
    session.lab.virsh("snapshot-create-as", "db1", "before")
    session.write(
        "keep.yaml",
        (session.specs / "lan.yaml")
        .read_text()
        .replace("name: lan", "name: other")
        .replace("192.0.2", "198.51.100")
        .replace("virbr9", "virbr8"),
    )
    for name in ("lan", "images", "web1", "db1"):
        (session.specs / f"{name}.yaml").unlink()

    plan = session.plan()
    shown = {form: text(session, "-o", form) for form in ("text", "markdown")}

    notes = {h["key"]: " ".join(h["notes"]) for h in plan["held"]}
    path = f"{session.lab.path}/images/pool"
    assert (
        "the guest is active; it is asked to shut down; if it is not off after 60 s, the removal fails"
        in notes["Domain/web1"]
    )
    assert "disks that are kept: root (Volume/images/root), data (Volume/images/data)" in notes["Domain/web1"]
    assert "running guests on it: 1 (web1)" in notes["Network/lan"]
    assert f"volumes that are kept: 4 in {path} (data, db, root, spare)" in notes["StoragePool/images"]
    assert f"{path}/spare is deleted (capacity 1MiB" in notes["Volume/images/spare"]
    effects = {h["key"]: h["effect"] for h in plan["held"]}
    assert {key for key, effect in effects.items() if effect == "data-loss"} == {
        f"Volume/images/{name}" for name in ("data", "db", "root", "spare")
    }
    held = {h["key"]: (h["hold"], h["detail"]) for h in plan["held"]}
    assert held["Domain/db1"] == ("leftovers", "it has snapshots")
    for form in shown.values():
        assert "data-loss" in form
        assert "it is asked to shut down; if it is not off after 60 s" in form
    assert "! Volume/images/spare remove (data-loss) held: removal needs approval" in shown["text"]
    assert "remove (replace)" not in shown["text"]
