"""Storage pools and volumes on a real libvirtd."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import libvirt
import pytest

from kvmreconcile.errors import HostError, NotFound, Refused, Rejected, Unsupported
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds.volume import KIND as VOLUME
from kvmreconcile.model import Content, Hold, Key, Unobservable
from kvmreconcile.plan.compare.applied import applied_before_creation
from kvmreconcile.plan.gates.policy import Overrides
from kvmreconcile.tree import Effect, parse, to_xml
from tests.lab.lab import Lab
from tests.lab.storage import ANYTHING, KINDS, Host, desired_pool, desired_volume
from tests.waiting import wait_until

MIB = 1 << 20
POOL = Key("StoragePool", "default")
CLONE = Path(__file__).parents[2]


def of(name: str) -> Key:
    return Key("Volume", f"default/{name}")


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    with connect(lab.uri) as connection:
        yield Host(connection)


@pytest.fixture
def images(lab: Lab) -> Path:
    return lab.path / "images"


@pytest.fixture
def pooled(host: Host, images: Path) -> Host:
    """A host with an active pool."""
    host.want(desired_pool(path=str(images / "default")))
    host.converge()
    return host


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def capacity(host: Host, name: str) -> int:
    return int(host.actual(of(name)).tree.get("capacity") or 0)


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)


def qcow2(path: Path, size: str = "64M") -> Path:
    """Create an image with data, holes between, and a hole at its end."""
    qemu_img("create", "-f", "qcow2", path, size)
    commands = ("-c", "write -P 7 0 1M", "-c", "write -P 8 40M 1M")
    subprocess.run(["qemu-io", "-f", "qcow2", *commands, str(path)], check=True, capture_output=True)
    return path


def domain(lab: Lab, disk: Path, *, start: bool) -> None:
    xml = f"""
        <domain type='qemu'>
          <name>guest</name>
          <memory unit='MiB'>32</memory>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <devices>
            <disk type='file'><driver name='qemu' type='qcow2'/>
              <source file='{disk}'/><target dev='vda' bus='virtio'/></disk>
          </devices>
        </domain>"""
    with lab.connect() as connection:
        defined = connection.defineXML(xml)
        if start:
            defined.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)


# Pools


def test_pool_is_created_with_its_directory_and_then_in_sync(host: Host, images: Path) -> None:
    host.want(desired_pool(path=str(images / "a/b"), autostart=True))

    assert host.converge() == [
        "StoragePool/default create",
        "StoragePool/default autostart",
        "StoragePool/default build",
        "StoragePool/default start",
    ]

    actual = host.actual(POOL)
    assert (actual.active, actual.autostart, actual.persistent) == (True, True, True)
    assert (images / "a/b").is_dir()
    assert host.is_in_sync()


def test_pool_that_is_created_twice_is_one_pool(pooled: Host, images: Path) -> None:
    tree = pooled.actual(POOL).tree

    for verb in ("create", "start", "autostart", "autostart", "no-autostart", "no-autostart"):
        pooled.act(POOL, verb, tree=tree)

    assert pooled.is_in_sync()
    assert pooled.actual(POOL).autostart is False


@pytest.mark.parametrize(
    ("command", "healed"),
    [
        (("pool-destroy",), "start"),
        (("pool-autostart", "--disable"), "autostart"),
        (("pool-undefine",), "create"),
    ],
)
def test_drift_of_a_pool_is_corrected(
    host: Host, images: Path, lab: Lab, command: tuple[str, ...], healed: str
) -> None:
    host.want(desired_pool(path=str(images), autostart=True))
    host.converge()
    if command == ("pool-undefine",):
        lab.virsh("pool-destroy", "default")

    lab.virsh(*command, "default")

    assert f"StoragePool/default {healed}" in host.converge()
    assert host.is_in_sync()


def test_edited_pool_path_is_stored_and_takes_effect_after_a_restart(pooled: Host, images: Path) -> None:
    (images / "other").mkdir(mode=0o755)
    (images / "other").chmod(0o755)
    pooled.want(desired_pool(path=str(images / "other")))

    assert pooled.converge() == ["StoragePool/default define"]
    pending = pooled.plan().pending[POOL]
    assert "target/path" in {c.path for c in pending}
    pooled.want(desired_pool(path=str(images / "other"), update={"maxEffect": "restart"}))
    assert pooled.converge() == ["StoragePool/default restart"]

    live = pooled.actual(POOL).live
    assert live is not None
    assert live.get("target/path") == str(images / "other")
    assert pooled.is_in_sync()
    assert mode(images / "other") == 0o755


def test_mode_of_a_pool_directory_is_set_by_a_restart(pooled: Host, images: Path) -> None:
    assert mode(images / "default") == 0o711
    fields: dict[str, Any] = {"permissions": {"mode": "0750"}, "update": {"maxEffect": "restart"}}
    pooled.want(desired_pool(path=str(images / "default"), **fields))

    assert pooled.converge() == ["StoragePool/default define", "StoragePool/default restart"]

    assert mode(images / "default") == 0o750
    assert pooled.is_in_sync()


def test_sticky_bit_of_a_pool_directory_is_kept_at_a_restart(host: Host, images: Path) -> None:
    images.joinpath("shared").mkdir()
    images.joinpath("shared").chmod(0o1777)
    host.want(desired_pool(path=str(images / "shared")))
    host.converge()

    host.act(POOL, "restart")
    host.act(POOL, "stop")
    host.act(POOL, "start")

    assert mode(images / "shared") == 0o1777
    assert host.is_in_sync()


@pytest.mark.case("2")
def test_missing_directory_is_not_created_again(pooled: Host, images: Path) -> None:
    pooled.act(POOL, "stop")
    (images / "default").rmdir()

    for verb in ("start", "restart"):
        with pytest.raises(
            HostError, match="No such file or directory; mount the file system of the directory"
        ):
            pooled.act(POOL, verb)

    assert not (images / "default").exists()
    assert pooled.actual(POOL).active is False


@pytest.mark.case("2")
def test_changed_uuid_of_a_pool_does_not_create_its_directory(pooled: Host, images: Path) -> None:
    pooled.act(POOL, "stop")
    (images / "default").rmdir()
    tree = desired_pool(path=str(images / "default"), uuid="0f6bd1ae-8a4f-4b2e-a6a5-0d3c1a8b7c6d").tree

    pooled.act(POOL, "replace", tree=parse(to_xml(tree).replace("<pool", "<pool type='dir'")))

    assert not (images / "default").exists()


def test_creation_of_a_pool_that_was_interrupted_is_completed(host: Host, images: Path) -> None:
    pool = desired_pool(path=str(images / "a/b"))
    host.want(pool)
    host.applied[POOL] = applied_before_creation(pool, "lab", KINDS["StoragePool"])
    host.connection.virt.storagePoolDefineXML(
        f"<pool type='dir'><name>default</name><uuid>{pool.creation.uuid}</uuid>"
        f"<target><path>{images}/a/b</path></target></pool>"
    )

    assert host.converge() == ["StoragePool/default build", "StoragePool/default start"]

    assert (images / "a/b").is_dir()
    assert host.is_in_sync()


def test_file_name_that_is_not_utf_8_does_not_hide_other_volumes(pooled: Host, images: Path) -> None:
    pooled.want(desired_volume("data", capacity="1MiB", format="raw"))
    pooled.converge()
    Path(os.fsdecode(os.fsencode(images) + b"/default/\xff.img")).write_bytes(b"x")
    pooled.connection.virt.storagePoolLookupByName("default").refresh(0)

    assert pooled.is_in_sync()
    assert {key.name for key in pooled.observe().objects} == {"default", "default/data"}
    with pytest.raises(HostError, match="not valid UTF-8"):
        pooled.act(of("data"), "remove")


def test_removed_pool_keeps_its_files(pooled: Host, images: Path) -> None:
    (images / "default/precious").write_text("x")

    pooled.act(POOL, "remove")
    pooled.act(POOL, "remove")

    assert (images / "default/precious").read_text() == "x"
    assert POOL not in pooled.observe().objects


def test_changed_uuid_of_a_pool_replaces_only_its_definition(host: Host, images: Path) -> None:
    host.want(desired_pool(path=str(images), autostart=True))
    host.converge()
    (images / "precious").write_text("x")
    uuid = "0f6bd1ae-8a4f-4b2e-a6a5-0d3c1a8b7c6d"
    host.want(desired_pool(path=str(images), autostart=True, uuid=uuid))

    done = host.converge(ANYTHING)

    assert done == [f"StoragePool/default {verb}" for verb in ("replace", "autostart", "start")]

    actual = host.actual(POOL)
    assert (actual.uuid, actual.active, actual.autostart) == (uuid, True, True)
    assert (images / "precious").exists()
    assert host.is_in_sync()


def test_stopped_and_transient_pools_are_observed_as_such(host: Host, lab: Lab, images: Path) -> None:
    host.want(desired_pool(path=str(images), state="stopped"))
    host.converge()
    (images / "default").mkdir()
    lab.virsh("pool-create-as", "passing", "dir", "--target", str(images / "default"))

    stopped, passing = host.actual(POOL), host.actual(Key("StoragePool", "passing"))
    assert (stopped.active, stopped.live_xml) == (False, None)
    assert (passing.active, passing.persistent) == (True, False)
    host.act(Key("StoragePool", "passing"), "remove")
    assert Key("StoragePool", "passing") not in host.observe().objects


def test_type_without_a_backend_is_unsupported(host: Host) -> None:
    host.want(desired_pool(xml="<pool type='rbd'><source><name>rbd</name><host name='x'/></source></pool>"))

    with pytest.raises(Unsupported, match="missing backend"):
        host.converge()


def test_unknown_element_is_rejected_and_not_dropped(host: Host, images: Path) -> None:
    host.want(desired_pool(path=str(images), xml="<pool><typo/></pool>"))

    with pytest.raises(Rejected, match="schema"):
        host.converge()


# Volumes


def test_volumes_are_created_and_then_in_sync(pooled: Host) -> None:
    pooled.want(
        desired_volume("plain", capacity="64MiB"),
        desired_volume("raw", capacity="8MiB", format="raw", allocation="0B"),
        desired_volume("base", capacity="32MiB"),
        desired_volume("over", backing={"volume": "base"}),
        desired_volume("wide", capacity="64MiB", backing={"volume": "base"}, permissions={"mode": "0640"}),
        desired_volume("plainly", capacity="1MiB", defaults="libvirt"),
    )

    done = pooled.converge()

    assert done.index(f"{of('base')} create") < done.index(f"{of('over')} create")
    assert pooled.is_in_sync()
    formats = {
        name: pooled.actual(of(name)).tree.get("target/format/@type") for name in ("plain", "raw", "plainly")
    }
    assert formats == {"plain": "qcow2", "raw": "raw", "plainly": "raw"}
    assert (capacity(pooled, "over"), capacity(pooled, "wide")) == (32 * MIB, 64 * MIB)
    assert pooled.actual(of("over")).tree.get("backingStore/format/@type") == "qcow2"
    assert pooled.actual(of("wide")).tree.get("target/permissions/mode") == "0640"


def test_volume_is_never_overwritten(pooled: Host, images: Path) -> None:
    pooled.want(desired_volume("root", capacity="1MiB"))
    pooled.converge()
    tree = pooled.actual(of("root")).tree
    (images / "default/unseen").write_text("precious")
    unseen = desired_volume("unseen", capacity="1MiB")

    with pytest.raises(Rejected, match="existing volumes are never overwritten"):
        pooled.act(of("root"), "create", tree=tree)
    with pytest.raises(Rejected, match="existing volumes are never overwritten"):
        pooled.act(unseen.key, "create", tree=unseen.tree)

    assert (images / "default/unseen").read_text() == "precious"


@pytest.mark.case("1")
def test_volume_whose_file_was_removed_by_hand_is_created_again_with_approval(
    pooled: Host, images: Path
) -> None:
    pooled.want(desired_volume("root", capacity="1MiB"))
    pooled.converge()

    (images / "default/root").unlink()

    assert pooled.converge() == []
    held = pooled.plan()
    assert [(h.hold, h.action.effect) for h in held.held] == [(Hold.MISSING, Effect.DATA_LOSS)]
    assert pooled.converge(Overrides(approved=held.digest)) == [f"{of('root')} create"]
    assert (images / "default/root").exists()
    assert pooled.is_in_sync()


@pytest.mark.parametrize("wanted", [None, "128MiB"])
def test_image_becomes_a_volume_and_stays_sparse(pooled: Host, images: Path, wanted: str | None) -> None:
    image = qcow2(images / "debian.qcow2")
    fields = {"capacity": wanted} if wanted else {}
    pooled.want(desired_volume("root", images, source={"file": "debian.qcow2", "format": "qcow2"}, **fields))

    pooled.converge()

    made = images / "default/root"
    assert capacity(pooled, "root") == (128 if wanted else 64) * MIB
    assert pooled.is_in_sync()
    qemu_img("check", made)
    if wanted is None:
        qemu_img("compare", image, made)
    assert made.stat().st_blocks <= image.stat().st_blocks * 1.2


def test_raw_image_is_the_beginning_of_a_larger_volume(pooled: Host, images: Path) -> None:
    image = images / "disk.img"
    with image.open("wb") as file:
        file.write(b"begin")
        file.seek(3 * MIB)
        file.write(b"end".ljust(512, b"\0"))
    pooled.want(
        desired_volume("root", images, capacity="16MiB", source={"file": "disk.img", "format": "raw"})
    )

    pooled.converge()

    made = images / "default/root"
    assert made.read_bytes() == image.read_bytes().ljust(16 * MIB, b"\0")
    assert made.stat().st_blocks * 512 < MIB
    assert pooled.is_in_sync()


def test_volume_from_an_iso_image_is_in_sync(pooled: Host, images: Path) -> None:
    (images / "install.iso").write_bytes(bytes(0x8001) + b"CD001" + bytes(60_000))
    pooled.want(desired_volume("install.iso", images, source={"file": "install.iso", "format": "iso"}))

    pooled.converge()

    assert pooled.is_in_sync()


def test_unusable_images_are_rejected_with_advice_and_nothing_is_created(pooled: Host, images: Path) -> None:
    qcow2(images / "whole.qcow2")
    qemu_img("create", "-f", "qcow2", "-b", images / "whole.qcow2", "-F", "qcow2", images / "part.qcow2")
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={images}/data", images / "split.qcow2", "1M")
    (images / "empty").touch()
    (images / "zero.img").write_bytes(bytes(MIB))
    for file, fields, message in (
        ("none.qcow2", {}, "cannot read .*none.qcow2: No such file.*source.file"),
        (".", {}, "cannot read .*Is a directory"),
        ("empty", {}, "is empty"),
        (
            "whole.qcow2",
            {"format": "raw"},
            'format qcow2, but the volume has the format raw; set "format: qcow2"',
        ),
        ("zero.img", {"format": "qcow2"}, "format raw, but the volume has the format qcow2"),
        ("part.qcow2", {}, "depends on a backing file.*qemu-img convert"),
        ("split.qcow2", {}, "depends on a data file"),
        ("whole.qcow2", {"capacity": "1MiB"}, "has a virtual size of 64MiB, but the volume only 1MiB"),
    ):
        bad = desired_volume("bad", images, source={"file": file}, **{"format": "qcow2", **fields})
        with pytest.raises(Rejected, match=message):
            pooled.act(bad.key, "create", tree=bad.tree, content=bad.creation.content)

    assert of("bad") not in pooled.observe().objects
    assert not (images / "default/bad").exists()


def test_backing_volume_that_does_not_exist_is_reported(pooled: Host) -> None:
    lost = desired_volume("over", backing={"volume": "none"})

    with pytest.raises(NotFound, match=r"Volume/default/over: .*'none'"):
        pooled.act(lost.key, "create", tree=lost.tree)


def test_volume_grows_and_never_shrinks(pooled: Host) -> None:
    pooled.want(desired_volume("root", capacity="64MiB"))
    pooled.converge()
    pooled.want(desired_volume("root", capacity="128MiB"))

    assert pooled.converge() == [f"{of('root')} resize"]
    assert capacity(pooled, "root") == 128 * MIB
    assert pooled.is_in_sync()
    with pytest.raises(Rejected, match="shrinking the volume from 128MiB to 1MiB"):
        pooled.act(of("root"), "resize", tree=parse(f"<capacity unit='bytes'>{MIB}</capacity>"))
    assert capacity(pooled, "root") == 128 * MIB


def test_volume_of_a_running_guest_grows_while_in_use(pooled: Host, lab: Lab, images: Path) -> None:
    pooled.want(desired_volume("root", capacity="64MiB"))
    pooled.converge()
    domain(lab, images / "default/root", start=True)
    pooled.want(desired_volume("root", capacity="128MiB"))

    pooled.converge()

    assert f"{128 * MIB}" in lab.virsh("domblkinfo", "guest", "vda").split()
    assert capacity(pooled, "root") == 128 * MIB
    assert pooled.is_in_sync()


def test_volume_below_a_running_guests_snapshot_does_not_grow(pooled: Host, lab: Lab, images: Path) -> None:
    pooled.want(desired_volume("root", capacity="64MiB"), desired_volume("over", backing={"volume": "root"}))
    pooled.converge()
    domain(lab, images / "default/over", start=True)

    with pytest.raises(Refused, match="running domain guest uses this volume, but not as the active image"):
        pooled.act(of("root"), "resize", tree=parse(f"<capacity unit='bytes'>{128 * MIB}</capacity>"))


@pytest.mark.parametrize("start", [False, True])
def test_volume_of_a_guest_is_not_removed(pooled: Host, lab: Lab, images: Path, *, start: bool) -> None:
    pooled.want(desired_volume("root", capacity="1MiB"))
    pooled.converge()
    domain(lab, images / "default/root", start=start)

    for verb in ("remove", "recreate", "replace"):
        with pytest.raises(Rejected, match="in use by Domain/guest"):
            pooled.act(of("root"), verb, tree=pooled.actual(of("root")).tree)

    assert (images / "default/root").exists()
    if start:
        lab.virsh("destroy", "guest")
    lab.virsh("undefine", "guest")
    pooled.act(of("root"), "remove")
    pooled.act(of("root"), "remove")
    assert not (images / "default/root").exists()


def test_volume_used_only_in_the_running_definition_is_not_removed(
    pooled: Host, lab: Lab, images: Path
) -> None:
    pooled.want(desired_volume("root", capacity="1MiB"))
    pooled.converge()
    domain(lab, images / "default/root", start=True)
    lab.virsh("detach-disk", "guest", "vda", "--config")

    with pytest.raises(Rejected, match="in use by Domain/guest"):
        pooled.act(of("root"), "remove")


def test_volume_with_an_overlay_is_not_removed(pooled: Host) -> None:
    pooled.want(desired_volume("base", capacity="1MiB"), desired_volume("over", backing={"volume": "base"}))
    pooled.converge()

    with pytest.raises(Rejected, match="in use by Volume/default/over"):
        pooled.act(of("base"), "remove")

    pooled.act(of("over"), "remove")
    pooled.act(of("base"), "remove")


def test_replaced_volume_is_filled_with_its_content_again(pooled: Host, images: Path) -> None:
    qcow2(images / "debian.qcow2")
    pooled.want(desired_volume("root", capacity="1MiB", format="raw"))
    pooled.converge()
    source = {"file": "debian.qcow2", "format": "qcow2"}
    pooled.want(desired_volume("root", images, capacity="64MiB", source=source))

    assert pooled.converge() == [f"{of('root')} resize"]
    assert pooled.converge(ANYTHING) == [f"{of('root')} replace"]

    qemu_img("compare", images / "debian.qcow2", images / "default/root")
    assert pooled.is_in_sync()


def test_missing_image_does_not_remove_the_volume(pooled: Host, images: Path) -> None:
    pooled.want(desired_volume("root", capacity="1MiB"))
    pooled.converge()

    content = Content(images / "none")
    with pytest.raises(Rejected, match="cannot read"):
        pooled.act(of("root"), "replace", tree=pooled.actual(of("root")).tree, content=content)

    assert (images / "default/root").exists()


def test_volumes_of_a_stopped_pool_are_unobservable_until_it_runs(pooled: Host) -> None:
    pooled.want(desired_volume("root", capacity="1MiB"))
    pooled.converge()
    pooled.act(POOL, "stop")

    seen = VOLUME.driver().observe(pooled.connection)

    assert of("root") not in seen.objects
    assert seen.unobservable == (
        Unobservable("Volume/default/", "the storage pool default is not active", until=POOL),
    )
    assert pooled.converge() == ["StoragePool/default start"]
    assert pooled.is_in_sync()


def test_observing_some_volumes_reads_no_others(pooled: Host) -> None:
    pooled.want(desired_volume("one", capacity="1MiB"), desired_volume("two", capacity="1MiB"))
    pooled.converge()
    observe = VOLUME.driver().observe

    assert set(observe(pooled.connection, {"default/one", "default/none"}).objects) == {of("one")}
    assert set(observe(pooled.connection, {"none/one"}).objects) == set()


def test_killed_upload_is_repeated(pooled: Host, lab: Lab, images: Path) -> None:
    image = images / "big.img"
    image.write_bytes(os.urandom(MIB) * 256)
    fields: dict[str, Any] = {"source": {"file": str(image), "format": "raw"}}
    root = desired_volume("root", **fields)
    program = f"""
        from tests.lab.storage import Host, desired_volume
        from kvmreconcile.host.connection import connect
        volume = desired_volume("root", **{fields!r})
        Host(connect({lab.uri!r})).act(volume.key, "create", tree=volume.tree, content=volume.creation.content)
    """
    with subprocess.Popen([sys.executable, "-c", dedent(program)], cwd=CLONE) as victim:
        made = images / "default/root"
        wait_until(lambda: made.exists() and made.stat().st_blocks > 0, "the upload has begun")
        victim.send_signal(signal.SIGKILL)
    assert made.stat().st_blocks * 512 < image.stat().st_size

    pooled.act(root.key, "recreate", tree=root.tree, content=root.creation.content)

    assert made.read_bytes() == image.read_bytes()


def test_lost_pool_is_an_error_of_the_volume(pooled: Host) -> None:
    root = desired_volume("root", pool="none", capacity="1MiB")

    with pytest.raises(HostError, match=r"Volume/none/root: .*no storage pool with matching name 'none'"):
        pooled.act(root.key, "create", tree=root.tree)
    pooled.act(root.key, "remove")
