"""Define types of values that are used in the fields of several kinds."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

from kvmreconcile.tree.scalars import print_size, size_bytes

_SIZE = re.compile("(?P<whole>[0-9]{1,20})([.](?P<fraction>[0-9]{0,20}))? *(?P<unit>[A-Za-z]+)")


def read_size(value: object) -> object:
    """
    Convert a size such as "4GiB" to bytes.

    A number without a unit is refused, because the default units of libvirt differ.

    Raises:
        ValueError: The value is not a number with a unit.
    """
    text = str(value).strip()
    if re.match("[0-9]{21}", text):
        raise ValueError("a size has at most 20 digits")
    found = _SIZE.fullmatch(text)
    factor = size_bytes("1", found["unit"]) if found else None
    if found is None or factor is None:
        raise ValueError('a size is a number with a unit, such as "512MiB" or "4GiB"')
    fraction = found["fraction"] or "0"
    return int(found["whole"]) * factor + int(fraction) * factor // 10 ** len(fraction)


UUID = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$")]
Size = Annotated[
    int,
    BeforeValidator(read_size),
    PlainSerializer(print_size),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{1,20}(\.[0-9]{1,20})? ?[KMGTPE]?i?[Bb]?(ytes)?$",
            "examples": ["4GiB"],
        }
    ),
]
"""A size in bytes; in YAML, a number with a libvirt unit ("512MiB", "4GiB", "10GB")."""


def _no_slash(text: str) -> str:
    if "/" in text or text in (".", ".."):
        raise ValueError('a name must not contain "/", and must not be "." or ".."')
    return text


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]+$"),
    AfterValidator(_no_slash),
]
"""The name of an object, with the restrictions of libvirt."""

DeviceName = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]
"""The name of a device; its libvirt alias is "ua-NAME". libvirt drops aliases with other characters."""

Mac = Annotated[str, StringConstraints(pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")]
"""A MAC address of six bytes."""

AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/")]
"""An absolute path on the host."""
