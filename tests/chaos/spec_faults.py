"""Faults in the specs: valid and invalid edits, and files that are written, renamed or truncated meanwhile."""

import time
from random import Random

from tests.chaos.arena import GUESTS, SIDE, Arena
from tests.chaos.ends import Reported, Row

SPARE = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: spare}
spec: {type: qemu, memory: 32MiB, state: stopped}
"""
BROKEN = (
    "spec: [\n",
    "kind: Domian\n",
    "\tkind: Domain\n",
    "kind: Domain\nkind: Domain\n",
    "%\n",
    "a: &a [*a]\n",
)
UNREADABLE = b"\xff\xfe\x00 not a spec"
LINES = ("domain", "mtu", "routes")
"""Optional lines of the network's spec."""
TWINS = ("twin-a", "twin-b")
"""The names that one guest has in turn; it is identified by its UUID."""
_CUT_FOR_S = 2.0
"""How long a file stays truncated; less than the delay of removals."""


def title(arena: Arena, chance: Random) -> str | None:
    """Give a guest another title in its spec."""
    guest = chance.choice(GUESTS)
    file = arena.specs / f"{guest}.yaml"
    kept = [line for line in file.read_text().splitlines(keepends=True) if not line.startswith("  title:")]
    kept.insert(kept.index("spec:\n") + 1, f"  title: Number {chance.randrange(10**6)}\n")
    file.write_text("".join(kept))
    return guest


def memory(arena: Arena, chance: Random) -> str | None:
    """Give a guest more or less memory, most of which waits for its next start."""
    guest, size = chance.choice(GUESTS), chance.choice((96, 104, 112))
    file = arena.specs / f"{guest}.yaml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(f"  memory: {size}MiB\n" if "  memory:" in line else line for line in lines))
    return f"{guest} {size}"


def spare(arena: Arena, _chance: Random) -> str | None:
    """Write the spec of an additional guest, or delete it."""
    file = arena.specs / "spare.yaml"
    if file.exists():
        file.unlink()
        return "deleted"
    file.write_text(SPARE)
    return "written"


def rename_file(arena: Arena, chance: Random) -> str | None:
    """Give a spec another file name, as an editor's backup does for a moment."""
    file = arena.specs / f"{chance.choice(GUESTS)}.yaml"
    aside = file.with_suffix(".yaml~")
    file.rename(aside)
    aside.rename(file)
    return file.name


def rewrite(arena: Arena, chance: Random) -> str | None:
    """Write half of a spec, then all of it."""
    file = arena.specs / f"{chance.choice(GUESTS)}.yaml"
    text = file.read_text()
    file.write_text(text[: chance.randrange(len(text))])
    file.write_text(text)
    return file.name


def write_slowly(arena: Arena, chance: Random) -> str | None:
    """Write a spec up to a random byte, and continue while the file is open."""
    file = arena.specs / f"{chance.choice(GUESTS)}.yaml"
    text = file.read_text()
    cut = chance.randrange(len(text))
    with file.open("w") as writer:
        writer.write(text[:cut])
        writer.flush()
        time.sleep(_CUT_FOR_S)
        writer.write(text[cut:])
    return f"{file.name} after {cut} bytes"


def cut_file(arena: Arena, chance: Random) -> str | None:
    """Truncate a spec at a random byte for a while, as a killed editor does, and restore it."""
    file = arena.specs / f"{chance.choice(GUESTS)}.yaml"
    text = file.read_text()
    cut = chance.randrange(len(text))
    file.write_text(text[:cut])
    time.sleep(_CUT_FOR_S)
    file.write_text(text)
    return f"{file.name} after {cut} bytes"


def take_line(arena: Arena, chance: Random) -> str | None:
    """Remove a line from a network's spec, or add it again."""
    file, name = arena.specs / "side.yaml", chance.choice(LINES)
    is_there = any(line.startswith(f"  {name}:") for line in file.read_text().splitlines())
    gone = {other for other in LINES if f"  {other}:" not in file.read_text()}
    gone = gone | {name} if is_there else gone - {name}
    kept = [line for line in SIDE.splitlines(keepends=True) if line.strip().partition(":")[0] not in gone]
    file.write_text("".join(kept))
    arena.lines_taken += 1
    return f"{'-' if is_there else '+'}{name}"


def rename_document(arena: Arena, _chance: Random) -> str | None:
    """Give a guest another name in its spec; its UUID stays."""
    file = arena.specs / "more.yaml"
    text = file.read_text()
    old, new = TWINS if f"name: {TWINS[0]}" in text else TWINS[::-1]
    file.write_text(text.replace(f"name: {old}", f"name: {new}"))
    return f"{old} is {new}"


def broken(arena: Arena, chance: Random) -> str | None:
    """Add a file that is not a spec."""
    number, text = chance.randrange(3), chance.choice(BROKEN)
    (arena.specs / f"broken{number}.yaml").write_text(text)
    return repr(text)


def unreadable(arena: Arena, chance: Random) -> str | None:
    """Put something that cannot be read where a spec may be."""
    place = arena.specs / f"unreadable{chance.randrange(3)}.yaml"
    if place.exists() or place.is_symlink():
        return None
    if chance.random() < 0.5:
        place.symlink_to("/nonexistent")
        return "a link to nothing"
    place.write_bytes(UNREADABLE)
    return "garbage"


def remove_what_is_no_spec(arena: Arena) -> None:
    """Remove the files that are not specs."""
    for file in arena.specs.glob("*.yaml"):
        if file.name.startswith(("broken", "unreadable")):
            file.unlink()


ROWS = (
    *(Row(do, 10) for do in (title, memory)),
    *(Row(do) for do in (spare, rename_file, rewrite, take_line)),
    *(Row(do, 2, only="directory") for do in (write_slowly, cut_file)),
    Row(rename_document, 2),
    *(Row(do, ends=Reported(), repair=remove_what_is_no_spec) for do in (broken, unreadable)),
)
