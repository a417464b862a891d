"""Whether a file can become a volume."""

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from kvmreconcile.kinds.volume.content import unusable
from kvmreconcile.kinds.volume.spec import VolumeSpec
from kvmreconcile.model import Content, Obstacle
from kvmreconcile.tree import Node, parse

MIB = 1 << 20


def volume(form: str = "", inside: str = "") -> Node:
    said = f"<target><format type='{form}'/></target>" if form else ""
    return parse(f"<volume pool='default'><name>root</name>{inside}{said}</volume>")


def found(path: Path, content: bytes, definition: Node, **more: object) -> Obstacle | None:
    path.write_bytes(content)
    return unusable(definition, Content(path, **more))  # type: ignore[arg-type]


@pytest.mark.case("10")
def test_what_is_wrong_says_what_to_do_with_that_file(tmp_path: Path) -> None:
    obstacle = found(tmp_path / "a disk.img", b"\x1f\x8b\x08" + bytes(512), volume("raw"))

    assert obstacle is not None
    assert obstacle.why == f"{tmp_path}/a disk.img is gzip data, and no disk image"
    assert obstacle.todo == (
        f"decompress it: gunzip '{tmp_path}/a disk.img'; "
        'to write it as it is, set "source.contentFormat: any"'
    )


@pytest.mark.case("10")
@pytest.mark.parametrize("form", ["raw", "iso"])
def test_content_is_taken_as_it_is_where_the_spec_says_so(tmp_path: Path, form: str) -> None:
    path, page = tmp_path / "page", b"<html></html>"

    assert found(path, page, volume(form)) is not None
    assert found(path, page, volume(form), any_format=True) is None
    assert found(path, page, volume(form), sha256=hashlib.sha256(page).hexdigest()) is None


@pytest.mark.case("10")
@pytest.mark.parametrize("form", ["qcow2", ""])
def test_other_formats_are_never_taken_as_they_are(tmp_path: Path, form: str) -> None:
    page = b"<html></html>"

    obstacle = found(tmp_path / "page", page, volume(form), sha256=hashlib.sha256(page).hexdigest())

    assert obstacle is not None
    assert "contentFormat" not in obstacle.todo


@pytest.mark.case("10")
def test_content_of_any_format_is_for_volumes_of_bytes_only() -> None:
    def spec(**fields: object) -> VolumeSpec:
        return VolumeSpec.model_validate({"pool": "default", **fields})

    source = {"file": "a", "contentFormat": "any"}
    spec(format="raw", source=source)
    spec(source={**source, "format": "iso"})
    for fields in ({"source": source}, {"format": "qcow2", "source": source}):
        with pytest.raises(ValidationError, match='takes "format: raw"'):
            spec(**fields)
    with pytest.raises(ValidationError, match="pattern"):
        spec(source={"file": "a", "checksum": {"sha256": "abc"}})


def test_disk_of_no_said_format_may_be_of_any(tmp_path: Path) -> None:
    assert found(tmp_path / "disk", bytes(MIB), volume()) is None
    assert found(tmp_path / "disk", bytes(MIB), volume("qcow2")) is not None


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    obstacle = unusable(volume(), Content(tmp_path / "none"))

    assert obstacle == Obstacle(
        f"cannot read {tmp_path}/none: No such file or directory",
        'mend "source.file", or put the file there',
    )
