"""Write generated specs to standard output, a file or a directory."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from kvmreconcile.cli.terminal import say, show
from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Key
from kvmreconcile.render.values import holds_secret
from kvmreconcile.system.bounded_read import read_bounded


def find_secret(found: Mapping[Key, Actual], kinds: Mapping[str, Kind]) -> frozenset[Key]:
    """Return the objects whose definitions contain secrets."""
    return frozenset(k for k, a in found.items() if holds_secret(a.tree, "", kinds[k.kind].rules))


def write_specs(output: Path | None, written: Mapping[Key, str], secret: frozenset[Key]) -> None:
    """
    Write the specs to standard output, a file or a directory.

    An existing file is never overwritten; if its content differs from the spec, SpecError is raised.

    Args:
        output: A file or an existing directory; None means standard output.
        written: The text of the spec of each object.
        secret: The objects whose specs contain secrets; only the owner may read their files.
    """
    for key in secret & written.keys():
        say(f"{key}: the spec contains secrets; let only kvmreconcile and its administrators read the file")
    if output is None:
        show("---\n".join(written.values()) if written else "")
    elif output.is_dir():
        for key, text in written.items():
            name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{key.kind.lower()}-{key.name}")
            _create(output / f"{name}.yaml", text, is_private=key in secret)
    else:
        _create(output, "---\n".join(written.values()), is_private=bool(secret & written.keys()))


def _create(file: Path, text: str, *, is_private: bool) -> None:
    try:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if is_private else 0o644), "w"
        ) as to:
            to.write(text)
    except FileExistsError:
        if _has_content(file, text):
            # The file is from an earlier run that was interrupted before it adopted the object.
            return
        todo = "remove the file, or name another file or directory with --output"
        raise SpecError([Problem(str(file), "the file exists", todo)]) from None
    except OSError as error:
        what = f"it cannot be written: {error.strerror}"
        raise SpecError([Problem(str(file), what, "name another file or directory with --output")]) from None


def _has_content(file: Path, text: str) -> bool:
    """Return whether a file's content is exactly this text."""
    content = text.encode()
    try:
        return read_bounded(file, len(content)) == content
    except OSError:
        return False
