"""Define the initial content of a new object, and why an object cannot be created or used."""

from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.model.source import Source


@dataclass(frozen=True, slots=True)
class Content:
    """
    The local file with the initial content of a new object.

    Attributes:
        any_format: Whether the file is copied unchanged, even if it is not a disk image.
        sha256: The required SHA-256 checksum; "" if the checksum is not verified.
        home: The directory of the spec.
        below: Directories, one of which must contain the file after symbolic links are resolved; None
            if the file may be anywhere.
        named_by: The field of the spec that names the file, such as "spec.source.file".
        source: The place of the field in the spec.
    """

    path: Path
    any_format: bool = False
    sha256: str = ""
    home: Path = Path()
    below: tuple[Path, ...] | None = None
    named_by: str = ""
    source: Source = field(default_factory=Source)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """
    A reason why an object cannot be created or used as its spec says, and advice.

    Attributes:
        file: The path of a missing file that is the reason; an object in the same plan may create the
            file. "" for any other reason.
        is_certain: Whether the check is always right. If not, approving the plan overrides the obstacle.
    """

    why: str
    todo: str
    file: str = ""
    is_certain: bool = True

    def __str__(self) -> str:
        return f"{self.why}; {self.todo}"
