"""List unusual commits: files stay in the checkout directory, or the commit is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kvmreconcile.errors import SourceError
from kvmreconcile.kinds import KINDS
from kvmreconcile.source.file_names import Naming
from kvmreconcile.source.files import MAX_FILES
from kvmreconcile.source.git import Remote, Repository
from kvmreconcile.source.load import load
from kvmreconcile.source.walk import MAX_DEPTH
from tests.hostile.row import Row
from tests.origin import Origin

Build = Callable[[Origin], str]
"""Makes a tree, or a commit, and returns its name."""
Entry = tuple[str, bytes, str]
"""Mode, name and object."""

BY_NAME = {kind.name: kind for kind in KINDS}
_SPEC = b"apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"
_ANYBODY = b"An Author <author@example.org> 1700000000 +0000"


def tree(origin: Origin, entries: Sequence[Entry]) -> str:
    """Make a tree with any entries, and return its name."""
    content = b"".join(
        mode.lstrip("0").encode() + b" " + name + b"\0" + bytes.fromhex(each) for mode, name, each in entries
    )
    return origin.store("tree", content)


def _blob(mode: str, name: bytes, content: bytes) -> Build:
    return lambda origin: tree(origin, [(mode, name, origin.store("blob", content))])


def _named(name: bytes) -> Build:
    return _blob("100644", name, _SPEC)


def _below(name: bytes) -> Build:
    """Return a function that makes a tree with a file in a directory with this name."""
    return lambda origin: tree(origin, [("040000", name, _named(b"a.yaml")(origin))])


def _deep(levels: int) -> Build:
    def build(origin: Origin) -> str:
        path = "d/" * levels + "a.yaml"
        origin.git("read-tree", "--empty")
        origin.git("update-index", "--add", "--cacheinfo", f"100644,{origin.store('blob', _SPEC)},{path}")
        return origin.git("write-tree")

    return build


def _wide(origin: Origin) -> str:
    """Make a tree of a few objects that contains 10 billion files."""
    found = _named(b"a.yaml")(origin)
    for _ in range(10):
        found = tree(origin, [("040000", b"%d" % number, found) for number in range(10)])
    return found


def _many(origin: Origin) -> str:
    blob = origin.store("blob", b"x")
    return tree(origin, [("100644", b"%06d" % number, blob) for number in range(MAX_FILES + 1)])


def _large(origin: Origin) -> str:
    blob = origin.store("blob", bytes(1 << 20))
    return tree(origin, [("100644", b"%04d" % number, blob) for number in range(1100)])


def _twice(origin: Origin) -> str:
    one, other = (origin.store("blob", content) for content in (b"/etc", _SPEC))
    inside = tree(origin, [("100644", b"shadow.yaml", other)])
    return tree(origin, [("120000", b"a", one), ("040000", b"a", inside)])


def _submodule(name: bytes) -> Build:
    return lambda origin: tree(origin, [("160000", name, "1" * 40)])


def _modules(content: bytes) -> Build:
    def build(origin: Origin) -> str:
        entries = [("100644", b".gitmodules", origin.store("blob", content)), ("160000", b"x", "1" * 40)]
        return tree(origin, entries)

    return build


def _attributes(origin: Origin) -> str:
    attributes = b"* filter=evil diff=evil merge=evil ident export-subst\n"
    return tree(
        origin,
        [("100644", b".gitattributes", origin.store("blob", attributes)), ("100644", b"a.yaml", origin.store("blob", _SPEC))],
    )  # fmt: skip


def _commit(message: bytes, author: bytes = _ANYBODY, headers: bytes = b"") -> Build:
    """Return a function that makes a commit with any message and headers, and a valid tree."""

    def build(origin: Origin) -> str:
        parent = origin.git("rev-parse", "main")
        head = b"tree %s\nparent %s\n" % (_named(b"a.yaml")(origin).encode(), parent.encode())
        return origin.store(
            "commit", head + b"author %s\ncommitter %s\n%s\n%s" % (author, author, headers, message)
        )

    return build


_FSCK = "git fetch failed: "
ROWS: tuple[Row[Build], ...] = (
    Row("file called .git", _named(b".git"), _FSCK),
    Row("file called .GIT", _named(b".GIT"), _FSCK),
    Row("file called git~1", _named(b"git~1"), _FSCK),
    Row("file called .git as HFS reads it", _named(".g\u200cit".encode()), _FSCK),
    Row("file called ..", _named(b".."), _FSCK),
    Row("file called .", _named(b"."), _FSCK),
    Row("file without a name", _named(b""), _FSCK),
    Row("file whose name has a slash", _named(b"../../a.yaml"), _FSCK),
    Row("file of the root", _named(b"/etc/passwd"), _FSCK),
    Row("directory called ..", _below(b".."), _FSCK),
    Row("directory called .git", _below(b".git"), _FSCK),
    Row("hook", _below(b"hooks"), ""),
    Row("name with a line end", _named(b"a\nb.yaml"), ""),
    Row("name for a terminal", _named(b"\x1b[31m.yaml"), ""),
    Row("name that is no UTF-8", _named(b"\xff\xfe.yaml"), ""),
    Row("name that is an option", _named(b"--help.yaml"), ""),
    Row("name for a shell", _named(b"$(id)`id`;id.yaml"), ""),
    Row("name of 255 bytes", _named(b"a" * 250 + b".yaml"), ""),
    Row("name of 5,000 bytes", _named(b"a" * 5000), "git "),
    Row("names that differ in case", lambda origin: tree(origin, [("100644", each, origin.store("blob", _SPEC)) for each in (b"A.yaml", b"a.yaml")]), "is also defined at"),
    Row("link and directory of one name", _twice, _FSCK),
    Row("mode that is none", _blob("000000", b"a.yaml", _SPEC), _FSCK),
    Row("mode of a device", _blob("060644", b"a.yaml", _SPEC), "is a submodule"),
    Row("set-user-ID mode", _blob("104755", b"a.yaml", _SPEC), ""),
    Row("link to a file of the host's", _blob("120000", b"a.yaml", b"/etc/shadow"), "the symbolic link leads outside the directory of specs"),
    Row("link upwards", _blob("120000", b"a.yaml", b"../" * 30 + b"etc/passwd"), "the symbolic link leads outside the directory of specs"),
    Row("link to a directory of the host's", _blob("120000", b"a", b"/"), "the symbolic link leads outside the directory of specs"),
    Row("link to itself", _blob("120000", b"a.yaml", b"a.yaml"), "Too many levels of symbolic links"),
    Row("link to the directory that it is in", _blob("120000", b"a", b"."), "leads back to a directory"),
    Row("link of 5,000 bytes", _blob("120000", b"a.yaml", b"a" * 5000), "git "),
    Row("link with a NUL", _blob("120000", b"a.yaml", b"a\0b"), "cannot be read"),
    Row("link as .gitmodules", _blob("120000", b".gitmodules", b"/etc/passwd"), _FSCK),
    Row("submodule", _submodule(b"x"), "is a submodule"),
    Row("submodule for a spec", _submodule(b"a.yaml"), "is a submodule"),
    Row("submodule whose update is a command", _modules(b'[submodule "x"]\npath = x\nurl = y\nupdate = !id\n'), _FSCK),
    Row("submodule whose URL is an option", _modules(b'[submodule "x"]\npath = x\nurl = --upload-pack=id\n'), _FSCK),
    Row("submodule whose name leads out", _modules(b'[submodule "../../x"]\npath = x\nurl = y\n'), _FSCK),
    Row("attributes that change content", _attributes, ""),
    Row("directories 64 deep", _deep(MAX_DEPTH), ""),
    Row("directories 65 deep", _deep(MAX_DEPTH + 1), "has more than 64 levels"),
    Row("directories 1,000 deep", _deep(1000), "has more than 64 levels"),
    Row("ten thousand million files", _wide, "git ls-tree failed: it printed more than 64 MiB"),
    Row("one file more than may be", _many, "has more than 100,000 files"),
    Row("more than a gibibyte", _large, "has more than 1024 MiB"),
    Row("spec of two mebibytes", _blob("100644", b"a.yaml", b"# \n" * 700_000), "the file is larger than 1 MiB"),
    Row("spec in UTF-16", _blob("100644", b"a.yaml", _SPEC.decode().encode("utf-16")), "the file is UTF-16"),
    Row("spec of no text", _blob("100644", b"a.yaml", b"\xff\xfe\xfd"), "UTF-16"),
    Row("no file at all", lambda origin: tree(origin, []), "no spec was found"),
    Row("message of ten megabytes", _commit(b"a" * 10_000_000), ""),
    Row("message for a terminal", _commit(b"\x1b]0;evil\x07\x1b[2J"), ""),
    Row("message that is no UTF-8", _commit(b"\xff\xfe"), ""),
    Row("message in UTF-7", _commit(b"+AGE-", headers=b"encoding UTF-7\n"), ""),
    Row("message with a NUL", _commit(b"a\0b"), _FSCK),
    Row("author without an address", _commit(b"a", b"nobody"), _FSCK),
    Row("author beyond the calendar", _commit(b"a", b"A <a@b> 99999999999999999999 +0000"), _FSCK),
    Row("author of a megabyte", _commit(b"a", b"A" * 1_000_000 + b" <a@b> 1700000000 +0000"), ""),
    Row("signature that is none", _commit(b"a", headers=b"gpgsig -----BEGIN SSH SIGNATURE-----\n !\n -----END SSH SIGNATURE-----\n"), ""),
)  # fmt: skip


def answer(row: Row[Build], directory: Path) -> str:
    """Update to a commit after a valid one, and return the reason of its refusal, or the problems of its specs."""
    origin = Origin(directory)
    valid = origin.commit("one")
    repository = Repository(Remote(str(origin.path)), directory / "state")
    repository.update()
    before = _outside(directory)
    made = row.make(origin)
    if origin.git("cat-file", "-t", made) == "tree":
        made = origin.git("commit-tree", "-p", valid, "-m", "hostile", made)
    origin.git("update-ref", "refs/heads/main", made)
    try:
        repository.update()
        refusal = ""
    except SourceError as error:
        refusal = str(error)
    found = repository.in_force()
    assert _outside(directory) == before
    assert found
    assert found[0].commit == (valid if refusal else made)
    if refusal:
        return refusal
    assert len(found[0].subject) + len(found[0].author) <= 1000
    loaded = load([found[1]], BY_NAME, "test", Naming(found[1], "", found[0].submodules or ()))
    assert not loaded.crashes
    return "\n".join(map(str, loaded.problems))


def _outside(directory: Path) -> set[Path]:
    return {
        path
        for path in directory.rglob("*")
        if not path.is_relative_to(directory / "origin")
        and "revisions" not in path.parts
        and "mirror.git" not in path.parts
    }
