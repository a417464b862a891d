"""Missing or unreachable data: nothing is created in its place, and no guest starts without it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.daemon import Daemon
from tests.lab.guest import BOOTED, GuestFiles
from tests.lab.lab import Lab, LabError
from tests.lab.session import Session

POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {{name: fast}}
spec: {{path: {path}, update: {{maxEffect: restart}}}}
"""
VOLUME = """\
---
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{name: {name}}}
spec: {{pool: fast, {fields}}}
"""
SIZE = "capacity: 32MiB"
NAMES = ("data.qcow2", "data2.qcow2", "data3.qcow2")
DATA = "Volume/fast/data.qcow2"


@dataclass(frozen=True)
class Storage(Session):
    """A host with a pool, and a guest on one of its volumes; a disk that can be unmounted is below the pool."""

    files: GuestFiles

    @property
    def disk(self) -> Path:
        """The content of the disk, whether mounted or not."""
        return self.lab.path / "images/disk"

    @property
    def point(self) -> Path:
        """The mount point of the disk, empty while it is not mounted."""
        return self.lab.path / "images/srv"

    @property
    def pool(self) -> Path:
        """The directory of the pool."""
        return self.point / "images"

    def mount(self) -> None:
        """Mount the disk."""
        self.lab.exec("mkdir", "-p", str(self.disk), str(self.point))
        self.lab.exec("mount", "--bind", str(self.disk), str(self.point))

    def umount(self, *words: str) -> None:
        """Unmount the disk."""
        self.lab.exec("umount", *words, str(self.point))

    def describe(self, path: Path, **volumes: str) -> None:
        """Write the specs of the pool and of volumes, by name and fields; "_" in a name means a dot."""
        each = [VOLUME.format(name=name.replace("_", "."), fields=fields) for name, fields in volumes.items()]
        self.write("fast.yaml", "".join([POOL.format(path=path), *each]))

    def describe_guest(self, volume: str, more: str = "") -> None:
        """Write the spec of a guest that runs on a volume."""
        disk = f"  disks: [{{name: root, volume: {{pool: fast, name: {volume}}}}}]\n"
        self.write("guest.yaml", BOOTED.format(name="guest", files=self.files) + disk + more)

    def pattern(self, image: Path, command: str) -> None:
        """Write or verify a pattern in an image."""
        out = self.lab.exec("qemu-io", "-f", "qcow2", "-c", command, str(image))
        assert "Pattern verification failed" not in out, out

    def exists(self, path: Path) -> bool:
        """Return whether the lab has a file."""
        try:
            self.lab.exec("test", "-e", str(path))
        except LabError:
            return False
        return True

    def held(self) -> dict[str, dict[str, Any]]:
        """Return the first held action of each object."""
        return {each["key"]: each for each in reversed(self.plan()["held"])}

    def run_number(self) -> str:
        """Return the id of the running guest, "-" while it is off."""
        return self.lab.virsh("domid", "guest").strip()


@pytest.fixture
def storage(lab: Lab, tmp_path: Path, guest_files: GuestFiles) -> Iterator[Storage]:
    """A host without objects, on which a disk is mounted."""
    storage = Storage(lab, tmp_path, guest_files)
    storage.mount()
    yield storage
    lab.reset()
    lab.exec("sh", "-c", f"umount -l {storage.point} 2>&1 || true")


@pytest.mark.case("1")
def test_missing_base_image_of_an_overlay_is_not_recreated(storage: Storage) -> None:
    overlay = "backing: {volume: base.qcow2}"
    storage.describe(storage.pool, base_qcow2=SIZE, over_qcow2=overlay)
    storage.converge()
    base, over = storage.pool / "base.qcow2", storage.pool / "over.qcow2"
    storage.pattern(base, "write -P 0x5a 0 1M")
    storage.pattern(over, "write -P 0xa5 4M 1M")
    storage.describe_guest("over.qcow2")
    storage.converge()
    storage.assert_in_sync()
    run = storage.run_number()

    storage.lab.exec("mv", str(base), f"{base}.aside")
    assert storage.apply().exit_code == 3

    held = storage.held()
    assert not storage.exists(base)
    assert (held["Volume/fast/base.qcow2"]["hold"], held["Volume/fast/base.qcow2"]["effect"]) == (
        "missing",
        "data-loss",
    )
    assert "used by Domain/guest, Volume/fast/over.qcow2" in held["Volume/fast/base.qcow2"]["detail"]
    assert held["Domain/guest"]["detail"] == "it is active, and Volume/fast/base.qcow2 does not exist"
    assert storage.run_number() == run

    storage.lab.virsh("destroy", "guest")
    assert storage.apply().exit_code == 3
    assert storage.run_number() == "-"
    start = storage.held()["Domain/guest"]
    assert [start["verb"], start["hold"], start["detail"]] == [
        "start",
        "missing",
        "Volume/fast/base.qcow2 does not exist",
    ]

    storage.lab.exec("mv", f"{base}.aside", str(base))
    storage.converge()
    storage.assert_in_sync()
    storage.lab.virsh("destroy", "guest")
    storage.pattern(over, "read -P 0x5a 0 1M")
    storage.pattern(over, "read -P 0xa5 4M 1M")


@pytest.fixture
def booted(storage: Storage) -> Storage:
    """A host that is in sync: a guest runs on one of three volumes, which holds a pattern."""
    storage.describe(storage.pool, **{name.replace(".", "_"): SIZE for name in NAMES})
    storage.converge()
    storage.pattern(storage.pool / NAMES[0], "write -P 0x5a 0 1M")
    storage.describe_guest(NAMES[0])
    storage.converge()
    storage.assert_in_sync()
    return storage


def assert_back(storage: Storage) -> None:
    """Mount the disk again, and fail unless everything is as before and the guest runs."""
    storage.mount()
    storage.converge()
    storage.assert_in_sync()
    assert storage.run_number() != "-"
    storage.lab.virsh("destroy", "guest")
    storage.pattern(storage.pool / NAMES[0], "read -P 0x5a 0 1M")


@pytest.mark.case("2")
def test_pool_with_an_unmounted_file_system_is_not_created_in_the_mount_point(booted: Storage) -> None:
    booted.lab.virsh("destroy", "guest")
    booted.lab.virsh("pool-destroy", "fast")
    booted.umount()

    for _ in range(2):
        failed = booted.apply()
        assert failed.exit_code == 1
        assert "mount the file system of the directory" in failed.output

    assert not booted.exists(booted.pool)
    assert booted.run_number() == "-"
    assert_back(booted)


@pytest.mark.case("2")
def test_missing_volumes_of_an_empty_pool_directory_are_not_recreated_as_blank(booted: Storage) -> None:
    booted.lab.virsh("destroy", "guest")
    booted.lab.virsh("pool-destroy", "fast")
    booted.umount()
    # The mount point exists before the disk is mounted, and libvirt starts its pools with the host.
    booted.lab.exec("mkdir", str(booted.pool))
    booted.lab.virsh("pool-start", "fast")
    booted.describe(booted.pool, new_qcow2=SIZE, **{name.replace(".", "_"): SIZE for name in NAMES})

    assert booted.apply().exit_code == 3

    held = booted.held()
    assert {key for key, each in held.items() if each["hold"] == "missing"} == {
        f"Volume/fast/{name}" for name in (*NAMES, "new.qcow2")
    }
    assert held["Domain/guest"]["verb"] == "start"
    assert held["Domain/guest"]["detail"].startswith(
        f"{DATA} is not created: data is missing (it no longer exists"
    )
    question = "none of the 3 Volume objects that should already exist in StoragePool/fast exists; check that the pool's storage is available (file system mounted, device connected)"
    assert question in held[DATA]["detail"]
    assert held["Volume/fast/new.qcow2"]["detail"] == question
    assert booted.lab.exec("ls", str(booted.pool)) == ""
    assert booted.run_number() == "-"
    booted.describe(booted.pool, **{name.replace(".", "_"): SIZE for name in NAMES})
    assert_back(booted)


@pytest.mark.case("2")
def test_file_system_unmounted_under_a_running_guest_is_reported(booted: Storage) -> None:
    run = booted.run_number()
    booted.umount("-l")

    assert booted.apply().exit_code == 3

    held = booted.held()
    assert held["Domain/guest"]["detail"] == f"it is active, and {DATA} does not exist"
    assert held[DATA]["hold"] == "missing"
    assert booted.run_number() == run
    assert not booted.exists(booted.pool)
    assert_back(booted)


@pytest.mark.case("1")
def test_missing_volume_is_recreated_once_the_plan_is_approved(booted: Storage) -> None:
    booted.lab.virsh("destroy", "guest")
    booted.lab.exec("rm", str(booted.pool / NAMES[0]))
    assert booted.apply().exit_code == 3
    assert booted.run_number() == "-"

    digest = booted.plan()["digest"]
    assert booted.run("apply", str(booted.specs), "--approve", digest).exit_code == 0

    booted.assert_in_sync()
    assert booted.run_number() != "-"


@pytest.mark.case("4a")
def test_edited_path_of_an_empty_pool_restarts_it_once(storage: Storage) -> None:
    storage.describe(storage.pool)
    storage.converge()

    storage.describe(storage.point / "other")
    done = storage.converge()

    assert done.output.count("restart") >= 1
    storage.assert_in_sync()
    assert "restart" not in storage.converge().output
    assert str(storage.point / "other") in storage.lab.virsh("pool-dumpxml", "fast")


@pytest.mark.case("4b")
def test_edited_path_of_a_pool_with_volumes_is_held_until_approved(booted: Storage) -> None:
    run, other = booted.run_number(), booted.point / "other"
    booted.describe(other, **{name.replace(".", "_"): SIZE for name in NAMES})

    for _ in range(2):
        assert booted.apply().exit_code == 3
    held = booted.held()
    assert held["StoragePool/fast"]["hold"] == "left-behind"
    assert held["StoragePool/fast"]["detail"] == (
        f"3 Volume objects are in {booted.pool}, and would not be moved to {other}: "
        "Volume/fast/data.qcow2, Volume/fast/data2.qcow2, Volume/fast/data3.qcow2"
    )
    assert str(booted.pool) in booted.lab.virsh("pool-dumpxml", "fast", "--inactive")
    assert not booted.exists(other)

    digest = booted.plan()["digest"]
    booted.run("apply", str(booted.specs), "--approve", digest)

    assert str(other) in booted.lab.virsh("pool-dumpxml", "fast")
    held = booted.held()
    assert {key for key, each in held.items() if each["hold"] == "missing"} == {
        *(f"Volume/fast/{name}" for name in NAMES),
        "Domain/guest",
    }
    assert booted.lab.exec("ls", str(other)) == ""
    assert booted.run_number() == run
    booted.lab.virsh("destroy", "guest")
    assert booted.apply().exit_code == 3
    assert booted.run_number() == "-"

    booted.lab.exec("sh", "-c", f"mv {booted.pool}/* {other}")
    booted.converge()
    booted.assert_in_sync()
    assert booted.run_number() != "-"
    booted.lab.virsh("destroy", "guest")
    booted.pattern(other / NAMES[0], "read -P 0x5a 0 1M")


@pytest.mark.case("4b")
def test_pool_whose_files_were_moved_uses_its_edited_path(booted: Storage) -> None:
    run, other = booted.run_number(), booted.point / "other"
    booted.describe(other, **{name.replace(".", "_"): SIZE for name in NAMES})
    booted.lab.exec("mv", str(booted.pool), str(other))

    booted.apply()

    booted.assert_in_sync()
    assert booted.run_number() == run
    booted.lab.virsh("destroy", "guest")
    booted.converge()
    booted.lab.virsh("destroy", "guest")
    booted.pattern(other / NAMES[0], "read -P 0x5a 0 1M")


@pytest.mark.case("2")
def test_directory_is_created_only_at_the_first_start_of_a_pool(storage: Storage) -> None:
    spec = POOL.replace("path:", "state: stopped, path:")
    storage.write("fast.yaml", spec.format(path=storage.pool))
    storage.converge()
    storage.assert_in_sync()
    assert not storage.exists(storage.pool)
    storage.write("fast.yaml", spec.format(path=storage.point / "other"))
    storage.converge()
    storage.assert_in_sync()

    storage.describe(storage.point / "other")
    storage.converge()
    storage.assert_in_sync()

    storage.lab.virsh("pool-destroy", "fast")
    storage.lab.virsh("pool-undefine", "fast")
    storage.lab.exec("rmdir", str(storage.point / "other"))
    for _ in range(2):
        assert storage.apply().exit_code == 1
    assert not storage.exists(storage.point / "other")


@pytest.fixture
def daemon(booted: Storage) -> Iterator[Daemon]:
    """A daemon that is not started yet, on the specs of a host that is in sync, with a full pass each second."""
    home = booted.directory / "daemon"
    home.mkdir()
    daemon = Daemon(booted.lab, home)
    daemon.environment |= {
        "KVMRECONCILE_RESYNC": "1s",
        "KVMRECONCILE_SPECS": str(booted.specs),
        "KVMRECONCILE_STATE": str(booted.state),
    }
    yield daemon
    daemon.process.stop()
    print(daemon.process.tail())


@pytest.mark.case("2")
def test_daemon_waits_for_the_file_system_and_starts_the_guest_once_it_is_mounted(
    booted: Storage, daemon: Daemon
) -> None:
    booted.lab.virsh("destroy", "guest")
    booted.lab.virsh("pool-destroy", "fast")
    booted.umount()
    booted.lab.exec("mkdir", str(booted.pool))
    booted.lab.virsh("pool-start", "fast")

    daemon.start()
    assert daemon.wait_for("object.held", key=DATA)["why"] == "data is missing"
    for _ in range(3):
        daemon.wait_for("pass.ended", held=4)

    assert not any(line["event"] == "action.started" for line in daemon.lines())
    assert booted.lab.exec("ls", str(booted.pool)) == ""
    booted.mount()
    daemon.wait_for("action.done", key="Domain/guest", verb="start")
    daemon.wait_until_idle(in_sync=5)
    assert {line["verb"] for line in daemon.lines() if line["event"] == "action.started"} == {"start"}
    booted.lab.virsh("destroy", "guest")
    daemon.wait_for("action.done", key="Domain/guest", verb="start")


@pytest.mark.case("4a")
def test_daemon_restarts_a_pool_for_its_edited_path_once(booted: Storage, daemon: Daemon) -> None:
    empty = POOL.replace("name: fast", "name: empty")
    daemon.start()
    daemon.wait_until_idle(in_sync=5)
    booted.write("empty.yaml", empty.format(path=booted.point / "a"))
    daemon.wait_until_idle(in_sync=6)

    booted.write("empty.yaml", empty.format(path=booted.point / "b"))

    daemon.wait_for("action.done", key="StoragePool/empty", verb="restart")
    for _ in range(3):
        daemon.wait_for("pass.ended", in_sync=6, held=0)
    restarts = [
        line for line in daemon.lines() if line["event"] == "action.started" and line.get("verb") == "restart"
    ]
    assert len(restarts) == 1


@pytest.mark.case("4b")
def test_daemon_uses_an_edited_path_once_the_files_are_moved(booted: Storage, daemon: Daemon) -> None:
    run, other = booted.run_number(), booted.point / "other"
    daemon.start()
    daemon.wait_until_idle(in_sync=5)

    booted.edit("fast.yaml", str(booted.pool), str(other))
    held = daemon.wait_for("object.held", key="StoragePool/fast")
    assert held["why"] == "its volumes would be left behind"
    for _ in range(2):
        daemon.wait_for("pass.ended", held=2)
    booted.lab.exec("mv", str(booted.pool), str(other))

    daemon.wait_for("action.done", key="StoragePool/fast", verb="restart")
    daemon.wait_until_idle(in_sync=5)
    assert booted.run_number() == run
    assert daemon.done("restart") == {"StoragePool/fast"}
    assert daemon.done("create") == set()
