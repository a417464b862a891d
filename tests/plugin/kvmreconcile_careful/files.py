"""
A kind of objects that are not libvirt's: text files in a directory, which is their endpoint.

The environment variable KVMRECONCILE_FILES names the directory.
"""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any

from pydantic import Field

from kvmreconcile.errors import Unavailable
from kvmreconcile.kinds.kind import Document, Driver, Kind, ObjectSpec
from kvmreconcile.kinds.rendering import make_desired, spec_tree
from kvmreconcile.model import Action, Actual, Desired, Key, Observation, Surroundings
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Node, Rules, make, to_xml

NAME, ROOT = "HostFile", "file"
RULES = Rules()
_EACH_S = 0.2


class HostFileSpec(ObjectSpec):
    """A text file."""

    content: Annotated[str, At("content"), Field(description="The text of the file.")]


class FileDriver:
    """Reads and writes files."""

    events = None

    def observe(self, connection: "FileDirectory", names: Collection[str] | None = None) -> Observation:
        """Read all files, or those of the given names."""
        found = {path.name: path for path in connection.files()}
        wanted = found if names is None else {name: found[name] for name in names if name in found}
        return Observation({Key(NAME, name): _read(path) for name, path in wanted.items()})

    def perform(self, connection: "FileDirectory", action: Action) -> None:
        """Write or remove a file; either can be repeated."""
        path = connection.path / action.key.name
        if action.verb.removes:
            path.unlink(missing_ok=True)
            return
        draft = path.with_name(f".{path.name}")
        draft.write_text(action.definition.get("content") or "")
        draft.replace(path)


def _read(path: Path) -> Actual:
    tree = make(ROOT, children=(make("name", text=path.name), make("content", text=path.read_text())))
    return Actual(Key(NAME, path.name), "", to_xml(tree))


@dataclass(slots=True)
class FileDirectory:
    """The endpoint: a directory. It is down while the directory does not exist."""

    path: Path
    lost: bool = False

    @property
    def uri(self) -> str:
        """The directory."""
        return str(self.path)

    def is_alive(self) -> bool:
        """Return whether the directory exists."""
        self.lost = self.lost or not self.path.is_dir()
        return not self.lost

    def files(self) -> list[Path]:
        """Return the files; raises Unavailable if the directory does not exist."""
        if not self.is_alive():
            raise Unavailable(f"{self.path} does not exist")
        return [path for path in sorted(self.path.iterdir()) if not path.name.startswith(".")]

    def subscribe(self, trigger: Callable[[Key], None], _events: Mapping[str, Any]) -> "Watch":
        """Call `trigger` whenever a file has changed."""
        watch = Watch(self, trigger)
        Thread(target=watch.run, name="files", daemon=True).start()
        return watch

    def close(self) -> None:
        """Use the directory no more."""
        self.lost = True


@dataclass(slots=True)
class Watch:
    """Compares the times of files again and again."""

    directory: FileDirectory
    trigger: Callable[[Key], None]
    unreachable_kinds: Collection[str] = ()
    _ended: Event = field(default_factory=Event)

    def run(self) -> None:
        """Compare until the watch is cancelled or the directory is lost."""
        before = self._times()
        while not self._ended.wait(_EACH_S) and self.directory.is_alive():
            now = self._times()
            for name, _ in before.items() ^ now.items():
                self.trigger(Key(NAME, name))
            before = now

    def cancel(self) -> None:
        """Stop comparing."""
        self._ended.set()

    def _times(self) -> dict[str, int]:
        try:
            return {path.name: path.stat().st_mtime_ns for path in self.directory.files()}
        except (OSError, Unavailable):
            return {}


def open_directory(_settings: object) -> FileDirectory:
    """Return the endpoint; raises Unavailable if the directory does not exist."""
    directory = FileDirectory(Path(os.environ.get("KVMRECONCILE_FILES", "/etc/kvmreconcile/files")))
    directory.files()
    return directory


def key(document: Document) -> Key:
    """Return the key of a file."""
    return Key(NAME, document.name)


def desire(document: Document, _uuid: str) -> Desired:
    """Return the desired file of a document."""
    return make_desired(document, key(document), spec_tree(document, document.spec, ROOT, RULES), "")


def complete(proposed: Node, _surroundings: Surroundings) -> Node:
    """Return the definition as it is."""
    return proposed


def adopt(actual: Actual) -> dict[str, Any]:
    """Return the fields of the spec for an existing file."""
    return {"content": actual.tree.get("content") or ""}


def driver() -> Driver:
    """Return the driver."""
    return FileDriver()


KIND = Kind(
    name=NAME,
    root=ROOT,
    spec=HostFileSpec,
    rules=RULES,
    key=key,
    desire=desire,
    complete=complete,
    driver=driver,
    adopt=adopt,
    has_lifecycle=False,
    endpoint="files",
    foreign=True,
)
