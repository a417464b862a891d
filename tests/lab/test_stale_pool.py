"""What libvirt's list of a pool does not show: files that were copied there or replaced since the pool's last refresh."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt
import pytest

from kvmreconcile.host.connection import Connection, connect
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.session import Session
from tests.waiting import wait_until

POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {{name: demo}}
spec: {{path: {path}}}
"""
VOLUME = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{name: {name}}}
spec: {{pool: demo, capacity: 8MiB, format: qcow2{more}}}
"""
DOMAIN = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: restored}
spec:
  type: qemu
  memory: 96MiB
  state: stopped
  disks: [{name: root, volume: {pool: demo, name: restored.qcow2}}]
"""
RESTORED = "Volume/demo/restored.qcow2"
MARK = "refreshed-to-mark-a-moment"


@dataclass(frozen=True)
class Pooled(Session):
    """A host with a pool that is in sync with its spec."""

    @property
    def pool(self) -> Path:
        """The directory of the pool."""
        return self.lab.path / "images/demo"

    def describe(self, name: str = "restored.qcow2", more: str = "") -> None:
        """Write the spec of a volume."""
        self.write("volume.yaml", VOLUME.format(name=name, more=more))

    def copy_in(self, name: str = "restored.qcow2", form: str = "qcow2", size: str = "8M") -> None:
        """Put an image into the pool at once, as a restored backup; libvirt does not notice."""
        image = self.lab.path / "images/image"
        self.lab.exec("qemu-img", "create", "-q", "-f", form, str(image), size)
        self.lab.exec("mv", str(image), str(self.pool / name))

    def held(self) -> dict[str, dict[str, Any]]:
        """Return the held action of each object."""
        return {each["key"]: each for each in self.plan()["held"]}

    def is_active(self) -> bool:
        """Return whether the pool is active."""
        return "running" in self.lab.virsh("pool-info", "demo")


@pytest.fixture
def pooled(lab: Lab, tmp_path: Path) -> Pooled:
    pooled = Pooled(lab, tmp_path)
    lab.exec("mkdir", "-p", str(pooled.pool))
    pooled.write("pool.yaml", POOL.format(path=pooled.pool))
    pooled.converge()
    pooled.assert_in_sync()
    return pooled


@dataclass
class Refreshed:
    """Count the refreshes of pools, by any client, since the object was created."""

    connection: Connection
    count: Counter[str]

    def times(self) -> int:
        """Return how often the pool "demo" was refreshed until now."""
        before = self.count[MARK]
        self.connection.virt.storagePoolLookupByName(MARK).refresh(0)
        # Events arrive in order.
        wait_until(lambda: self.count[MARK] > before, "the event of our own refresh arrives")
        return self.count["demo"]


@pytest.fixture
def refreshed(pooled: Pooled) -> Iterator[Refreshed]:
    """Count refreshes by libvirt's events; another pool is there to be refreshed by the test itself."""
    directory = pooled.lab.path / "images/mark"
    directory.mkdir()
    pooled.lab.virsh("pool-create-as", MARK, "dir", "--target", str(directory))
    with connect(pooled.lab.uri) as connection:
        refreshed = Refreshed(connection, Counter())
        number = connection.virt.storagePoolEventRegisterAny(
            None,
            libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH,
            lambda _virt, pool, _opaque: refreshed.count.update([pool.name()]),
            None,
        )
        yield refreshed
        connection.virt.storagePoolEventDeregisterAny(number)


@pytest.mark.case("47")
def test_image_that_was_copied_into_a_pool_can_be_used(pooled: Pooled, refreshed: Refreshed) -> None:
    pooled.copy_in()
    pooled.write("domain.yaml", DOMAIN)

    done = pooled.converge()

    assert "refers to" not in done.output
    assert "type='qcow2'" in pooled.lab.virsh("dumpxml", "restored")
    pooled.assert_in_sync()
    assert refreshed.times() == 1


@pytest.mark.case("47")
def test_reference_to_a_volume_that_does_not_exist_is_an_error(pooled: Pooled) -> None:
    pooled.write("domain.yaml", DOMAIN)

    result = pooled.run("plan", str(pooled.specs))

    assert result.exit_code == 1
    assert (
        f"Domain/restored refers to {RESTORED}, which no spec defines and which does not exist on the host"
        in result.output
    )


@pytest.mark.case("47")
def test_image_that_was_copied_into_a_pool_is_not_planned_to_be_created(pooled: Pooled) -> None:
    pooled.copy_in(size="9M")
    pooled.describe()

    assert pooled.held()[RESTORED]["hold"] == "conflict"
    pooled.describe(more=", adopt: true")
    assert [action["verb"] for action in pooled.plan()["actions"] if action["key"] == RESTORED] == []
    assert pooled.held()[RESTORED]["changes"][0]["path"] == "capacity"


@pytest.mark.case("47")
def test_file_replaced_by_one_of_another_format_is_compared_after_a_refresh(
    pooled: Pooled, refreshed: Refreshed
) -> None:
    pooled.copy_in(form="raw")
    pooled.lab.virsh("pool-refresh", "demo")
    pooled.copy_in()
    assert "type='raw'" in pooled.lab.virsh("vol-dumpxml", "restored.qcow2", "demo")
    pooled.describe(more=", adopt: true")
    before = refreshed.times()

    pooled.assert_in_sync()

    assert refreshed.times() == before + 1


@pytest.mark.case("47")
def test_new_disk_on_a_replaced_file_has_the_format_of_the_new_file(pooled: Pooled) -> None:
    pooled.copy_in(form="raw")
    pooled.lab.virsh("pool-refresh", "demo")
    pooled.copy_in()
    pooled.write("domain.yaml", DOMAIN)

    pooled.converge()

    assert "type='qcow2'" in pooled.lab.virsh("dumpxml", "restored")


@pytest.mark.case("47")
def test_changed_format_of_a_managed_volumes_file_is_reported(
    pooled: Pooled,
) -> None:
    pooled.describe()
    pooled.converge()
    pooled.copy_in(form="raw")

    held = pooled.held()[RESTORED]

    assert (held["verb"], held["effect"]) == ("replace", "data-loss")
    change = held["changes"][0]
    assert (change["path"], change["old"], change["new"]) == ("target/format/@type", "raw", "qcow2")


@pytest.mark.case("47")
def test_pool_is_refreshed_before_a_creation_and_not_on_an_unchanged_host(
    pooled: Pooled, refreshed: Refreshed
) -> None:
    pooled.describe()
    pooled.copy_in("not-in-any-spec.qcow2")
    pooled.converge()
    made = refreshed.times()
    assert made >= 2, "once for the plan and once right before the volume is created"

    pooled.write("domain.yaml", DOMAIN)
    pooled.converge()
    made = refreshed.times()
    for _ in range(3):
        pooled.assert_in_sync()
        pooled.converge()

    assert refreshed.times() == made


@pytest.mark.case("47")
def test_image_that_was_copied_into_a_pool_can_be_adopted_by_its_name(pooled: Pooled) -> None:
    pooled.copy_in()

    adopted = pooled.run("adopt", RESTORED, "--dry-run")

    assert adopted.exit_code == 0, adopted.output
    assert "format: qcow2" in adopted.stdout


SLOW = """\
#!/bin/sh
until [ -e {go} ]; do sleep 0.02; done
exec {program} "$@"
"""


@contextmanager
def job(lab: Lab) -> Iterator[None]:
    """Have another client create a volume, which takes as long as the block."""
    program, slow, go = (lab.path / name for name in ("qemu-img", "slow-qemu-img", "go"))
    go.unlink(missing_ok=True)
    shutil.copy("/usr/bin/qemu-img", program)
    slow.write_text(SLOW.format(go=go, program=program))
    slow.chmod(0o755)
    lab.exec("mount", "--bind", str(slow), "/usr/bin/qemu-img")
    words = ("vol-create-as", "demo", "other.qcow2", "1M", "--format", "qcow2")
    with ThreadPoolExecutor(1) as other:
        made = other.submit(lab.virsh, *words)
        try:
            wait_until(lambda: "other.qcow2" in lab.virsh("vol-list", "demo"), "the job has begun")
            yield
        finally:
            go.touch()
            made.result()
            lab.exec("umount", "/usr/bin/qemu-img")


@pytest.mark.case("47")
def test_volume_is_unknown_while_another_client_creates_a_volume_in_its_pool(pooled: Pooled) -> None:
    pooled.copy_in()
    pooled.describe()

    with job(pooled.lab):
        held = pooled.held()
        assert pooled.apply().exit_code == 3
        assert pooled.is_active()

    assert held[RESTORED]["hold"] == "unknown"
    assert "its pool could not be refreshed: " in held[RESTORED]["detail"]
    assert "asynchronous jobs running" in held[RESTORED]["detail"]
    pooled.converge()
    pooled.assert_in_sync()


@pytest.mark.case("47")
def test_disk_on_an_unknown_volume_is_not_defined(pooled: Pooled) -> None:
    pooled.copy_in()
    pooled.write("domain.yaml", DOMAIN)

    with job(pooled.lab):
        held = pooled.held()

    assert held["Domain/restored"]["hold"] == "unknown"
    assert held["Domain/restored"]["detail"].startswith(
        f"{RESTORED} cannot be observed: its pool could not be"
    )
    pooled.converge()
    assert "type='qcow2'" in pooled.lab.virsh("dumpxml", "restored")


@pytest.mark.case("47")
def test_volumes_of_a_pool_that_a_refresh_deactivated_are_unknown(pooled: Pooled) -> None:
    (pooled.specs / "pool.yaml").unlink()
    pooled.lab.exec("rmdir", str(pooled.pool))
    pooled.describe()

    held = pooled.held()[RESTORED]

    assert not pooled.is_active()
    assert held["hold"] == "unknown"
    assert held["detail"].startswith(
        "the storage pool demo is not active; refreshing the pool failed: "
        f"StoragePool/demo: cannot open directory '{pooled.pool}'"
    )


def on_the_machine(session: Session, *words: str) -> str:
    """Call kvmreconcile inside the lab, where it sees the directories that libvirt sees; return what it prints on one line."""
    program = (sys.executable, "-m", "kvmreconcile", "--connect", "qemu:///system")
    said = session.lab.exec("sh", "-c", '"$@" 2>&1', "sh", *program, "--state", str(session.state), *words)
    return " ".join(said.split())


@pytest.mark.case("47")
def test_plan_does_not_refresh_a_pool_whose_directory_is_missing(lab: Lab, tmp_path: Path) -> None:
    directory = "/var/lib/libvirt/images/demo"
    pooled = Pooled(lab, tmp_path)
    lab.exec("mkdir", directory)
    pooled.write("pool.yaml", POOL.format(path=directory))
    on_the_machine(pooled, "apply", "--yes", str(pooled.specs))
    lab.exec("mv", directory, f"{directory}.aside")
    pooled.describe()

    said = on_the_machine(pooled, "plan", str(pooled.specs))

    assert pooled.is_active()
    assert f"its directory {directory} does not exist (mount its file system, or create it)" in said
    assert "1 held" in said
    lab.exec("mv", f"{directory}.aside", directory)
    assert "1 to create" in on_the_machine(pooled, "plan", str(pooled.specs))


OBSERVE = """\
from kvmreconcile.host.connection import connect
from kvmreconcile.host.endpoint import LIBVIRT, Endpoints
from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.session.observe import Observer

with connect("qemu:///system") as connection:
    observer = Observer({kind.name: kind for kind in KINDS}, Endpoints({LIBVIRT: connection}))
    for _ in range(3):
        observer.all()
        observer.confirmed({Key("Volume", "demo/restored.qcow2")})
"""


@pytest.mark.case("47")
def test_unchanged_directory_is_not_refreshed_again_for_an_absent_volume(
    pooled: Pooled, refreshed: Refreshed
) -> None:
    directory = "/var/lib/libvirt/images/demo"
    pooled.lab.virsh("pool-destroy", "demo")
    pooled.lab.virsh("pool-undefine", "demo")
    pooled.lab.exec("mkdir", directory)
    pooled.lab.virsh("pool-create-as", "demo", "dir", "--target", directory)
    observe = (sys.executable, "-c", OBSERVE)

    # A time in the future counts as just now, however long the commands before took.
    pooled.lab.exec("touch", "-d", "1 hour", directory)
    pooled.lab.exec(*observe)
    assert refreshed.times() == 3, "what changed within the same tick of a clock would not show"
    pooled.lab.exec("touch", "-d", "1 hour ago", directory)
    pooled.lab.exec(*observe)

    assert refreshed.times() == 3 + 1


@pytest.fixture
def daemon(pooled: Pooled) -> Iterator[Daemon]:
    """A daemon on the specs of a host that is in sync, which makes no full pass by itself."""
    home = pooled.directory / "daemon"
    home.mkdir()
    daemon = Daemon(pooled.lab, home)
    daemon.environment |= {
        "KVMRECONCILE_RESYNC": "1h",
        "KVMRECONCILE_SPECS": str(pooled.specs),
        "KVMRECONCILE_STATE": str(pooled.state),
    }
    yield daemon
    daemon.process.stop()
    print(daemon.process.tail())


@pytest.mark.case("47")
def test_daemon_notices_an_image_that_is_copied_into_a_pool(
    pooled: Pooled, daemon: Daemon, refreshed: Refreshed
) -> None:
    pooled.write("domain.yaml", DOMAIN)
    daemon.start()
    daemon.wait_for("spec.wrong")
    daemon.wait_until_idle(in_sync=1)
    wait_until(lambda: is_watched(daemon, pooled.pool), "the directory is watched")
    before = refreshed.times()
    pooled.copy_in("not-in-any-spec.qcow2")
    time.sleep(0.5)
    assert refreshed.times() == before

    # Written in place, slowly: it is not listed before it is complete.
    with (pooled.pool / "restored.qcow2").open("wb") as file:
        pooled.lab.exec(
            "qemu-img", "create", "-q", "-f", "qcow2", str(pooled.lab.path / "images/image"), "8M"
        )
        image = (pooled.lab.path / "images/image").read_bytes()
        for part in (image[:2], image[2:]):
            file.write(part)
            file.flush()
            time.sleep(0.5)
            assert refreshed.times() == before

    daemon.wait_for("action.done", key="Domain/restored", verb="create")
    daemon.wait_until_idle(in_sync=2)
    assert "type='qcow2'" in pooled.lab.virsh("dumpxml", "restored")
    assert refreshed.times() == before + 1


@pytest.mark.case("47")
def test_daemon_notices_a_volume_whose_file_is_removed(pooled: Pooled, daemon: Daemon) -> None:
    pooled.describe()
    pooled.converge()
    daemon.start()
    daemon.wait_until_idle(in_sync=2)
    wait_until(lambda: is_watched(daemon, pooled.pool), "the directory is watched")

    pooled.lab.exec("rm", str(pooled.pool / "restored.qcow2"))

    assert daemon.wait_for("object.held", key=RESTORED)["why"] == "data is missing"


@pytest.mark.case("47")
def test_daemon_refreshes_no_pool_while_nothing_changes(
    pooled: Pooled, daemon: Daemon, refreshed: Refreshed
) -> None:
    pooled.describe()
    pooled.converge()
    before = refreshed.times()
    daemon.environment["KVMRECONCILE_RESYNC"] = "0.2s"
    daemon.start()

    for _ in range(5):
        daemon.wait_for("pass.ended", in_sync=2)

    assert refreshed.times() == before


def is_watched(daemon: Daemon, directory: Path) -> bool:
    """Return whether the daemon waits for events of a directory (proc(5), /proc/pid/fdinfo)."""
    inode = f" ino:{directory.stat().st_ino:x} "
    descriptors = Path("/proc", str(daemon.process.pid), "fdinfo").iterdir()
    return any(inode in each.read_text() for each in descriptors if each.exists())
