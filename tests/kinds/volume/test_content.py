"""Whether a file can be the content of a volume, and how much space it needs."""

import hashlib
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from kvmreconcile.kinds.volume.content import find_content_obstacle, needed_bytes, rounded_size
from kvmreconcile.kinds.volume.image import open_image
from kvmreconcile.kinds.volume.spec import VolumeSpec
from kvmreconcile.model import Content, Obstacle
from kvmreconcile.tree import Node, parse

MIB = 1 << 20


def volume(form: str = "", inside: str = "") -> Node:
    said = f"<target><format type='{form}'/></target>" if form else ""
    return parse(f"<volume pool='default'><name>root</name>{inside}{said}</volume>")


def found(path: Path, content: bytes, definition: Node, **more: object) -> Obstacle | None:
    path.write_bytes(content)
    return find_content_obstacle(definition, Content(path, **more))  # type: ignore[arg-type]


@pytest.mark.case("10")
def test_image_problem_has_advice_that_names_the_file(tmp_path: Path) -> None:
    obstacle = found(tmp_path / "a disk.img", b"\x1f\x8b\x08" + bytes(512), volume("raw"))

    assert obstacle is not None
    assert obstacle.why == f"{tmp_path}/a disk.img is gzip data, not a disk image"
    assert obstacle.todo == (
        'to write it as it is, set "source.contentFormat: any" and "format: raw"; or decompress it, and specify the new file: '
        f"gzip -dc <'{tmp_path}/a disk.img' >'{tmp_path}/a disk.img.new'"
    )


@pytest.mark.case("10")
@pytest.mark.parametrize("form", ["raw", "iso"])
def test_content_format_any_accepts_any_content(tmp_path: Path, form: str) -> None:
    path, page = tmp_path / "page", b"<html></html>"

    assert found(path, page, volume(form)) is not None
    assert found(path, page, volume(form), any_format=True) is None
    assert found(path, page, volume(form), sha256=hashlib.sha256(page).hexdigest()) is None


@pytest.mark.case("10")
@pytest.mark.parametrize("form", ["qcow2", ""])
def test_content_format_any_is_refused_for_other_formats(tmp_path: Path, form: str) -> None:
    page = b"<html></html>"

    obstacle = found(tmp_path / "page", page, volume(form), sha256=hashlib.sha256(page).hexdigest())

    assert obstacle is not None
    assert "contentFormat" not in obstacle.todo


@pytest.mark.case("10")
def test_content_format_any_requires_raw_or_iso() -> None:
    def spec(**fields: object) -> VolumeSpec:
        return VolumeSpec.model_validate({"pool": "default", **fields})

    source = {"file": "a", "contentFormat": "any"}
    spec(format="raw", source=source)
    spec(source={**source, "format": "iso"})
    for fields in ({"source": source}, {"format": "qcow2", "source": source}):
        with pytest.raises(ValidationError, match='requires "format: raw"'):
            spec(**fields)
    with pytest.raises(ValidationError, match="pattern"):
        spec(source={"file": "a", "checksum": {"sha256": "abc"}})


def test_volume_without_format_accepts_any_format(tmp_path: Path) -> None:
    assert found(tmp_path / "disk", bytes(MIB), volume()) is None
    assert found(tmp_path / "disk", bytes(MIB), volume("qcow2")) is not None


def test_unreadable_source_file_is_named_in_the_message(tmp_path: Path) -> None:
    obstacle = find_content_obstacle(volume(), Content(tmp_path / "none"))

    assert obstacle == Obstacle(
        f"cannot read {tmp_path}/none: No such file or directory",
        'correct "source.file", or create the file (not in /tmp or /var/tmp: the systemd service has its own)',
    )


@pytest.mark.case("11b")
@pytest.mark.parametrize(
    ("definition", "needed"),
    [
        (volume("raw", "<capacity unit='MiB'>10</capacity>"), 10 * MIB),
        (volume("", "<capacity unit='MiB'>10</capacity>"), 10 * MIB),
        (volume("raw", "<capacity unit='MiB'>10</capacity><allocation>0</allocation>"), 0),
        (volume("raw", "<capacity unit='MiB'>1</capacity><allocation unit='MiB'>3</allocation>"), 3 * MIB),
        (volume("qcow2", "<capacity unit='GiB'>10</capacity>"), 256 << 10),
        (volume("raw"), 0),
    ],
)
def test_empty_volume_requires_space_for_its_allocation(definition: Node, needed: int) -> None:
    assert needed_bytes(definition) == needed


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (1000, "1000B"), (50 * MIB, "50MiB"), (MIB + MIB // 4, "1.2MiB")]
)
def test_sizes_are_rounded_to_the_largest_unit(size: int, text: str) -> None:
    assert rounded_size(size) == text


@pytest.mark.case("11b")
@pytest.mark.parametrize(("reserved", "needed"), [(0, 2), (1, 2), (2, 3), (5, 5), (9, 9)])
def test_copy_requires_space_for_its_data_and_allocation(tmp_path: Path, reserved: int, needed: int) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(os.urandom(MIB))
        file.truncate(4 * MIB)
        file.seek(4 * MIB)
        file.write(os.urandom(MIB))
    definition = volume("raw", f"<capacity>1</capacity><allocation unit='MiB'>{reserved}</allocation>")

    with open_image(path) as source:
        assert needed_bytes(definition, source) == needed * MIB


def test_image_description_with_extent_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "disk.vmdk"

    obstacle = found(path, b"# Disk DescriptorFile\n", volume("vmdk"))

    assert obstacle is not None
    assert obstacle.why == f"{path} depends on an extent file, which is not copied"


@pytest.mark.parametrize(("content", "form"), [(b"OOOM\0\0\0\2", "raw"), (b"\1", "dmg"), (b"\1", "bochs")])
def test_advised_conversion_can_be_run_with_qemu_img(tmp_path: Path, content: bytes, form: str) -> None:
    obstacle = found(tmp_path / "disk", content + bytes(512), volume(form))

    assert obstacle is not None
    assert obstacle.todo.endswith(f"specify an image of the format {form}")


def test_image_in_another_format_than_the_default_must_be_converted(tmp_path: Path) -> None:
    path = tmp_path / "disk.vhdx"

    obstacle = found(path, b"vhdxfile" + bytes(512), volume("qcow2"))

    assert obstacle is not None
    assert (
        obstacle.todo
        == f"convert it, and specify the new file: qemu-img convert -f vhdx -O qcow2 {path} {path}.new"
    )
