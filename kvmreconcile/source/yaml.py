"""
Read YAML 1.2 into values that know their place, with limits on what a hostile file can cost.

Separate from what the values mean. PyYAML's own composer recurses in C and dies on deep nesting, keeps the
last of two equal keys and reads YAML 1.1; so the tree is put together here from libyaml's events, one by
one, and only the meaning of a scalar is left to a library.
"""

from typing import NoReturn

import yaml
from yamlcore import CCoreLoader  # type: ignore[import-untyped] # it carries no annotations

from kvmreconcile.model import Source
from kvmreconcile.source import yaml_errors
from kvmreconcile.source.decoding import NOT_IN_XML, Chunk
from kvmreconcile.source.located import Frame, LocatedValue, Plain, Reading
from kvmreconcile.source.problem import LocatedProblem, shown

MAX_DEPTH = 64
MAX_NODES = 100_000
"""Counted with every alias followed, so that aliases of aliases cannot explode."""
MAX_ALIASES = 100
MAX_ENTRIES = 4096
"""More entries than any list of libvirt's that a spec writes."""
_LONGEST_NUMBER = len("-0x") + 20
_OF_SPECS = frozenset({"apiVersion", "kind", "metadata", "spec"})
"""The outermost fields of specs; settings, of which a file holds one document, have others."""

_TAGS = {f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null", "seq", "map")} | {"!"}


def read(chunk: Chunk, file: str) -> Reading:
    """Read the text of one document."""
    composer = _Composer(chunk, file)
    try:
        composer.run()
    except _StopError as stop:
        composer.faults.append(stop.fault)
        composer.close()
    return Reading(composer.root, tuple(composer.faults), whole=not composer.is_broken)


class _StopError(Exception):
    """The rest of the document cannot be read."""

    def __init__(self, fault: LocatedProblem) -> None:
        super().__init__(fault)
        self.fault = fault


class _Composer:
    """Puts one document together; a tree of values is in `root` when it is done."""

    def __init__(self, chunk: Chunk, file: str) -> None:
        self.loader = CCoreLoader(chunk.text)
        self.lines = chunk.text.split("\n")
        self.first = Source(file, chunk.lines_before + 1, 1)
        self.frames: list[Frame] = []
        self.anchors: dict[str, LocatedValue | None] = {}
        self.aliases = 0
        self.nodes = 0
        self.root: LocatedValue | None = None
        self.faults: list[LocatedProblem] = []
        self.is_broken = False

    def run(self) -> None:
        """Read to the end of the document."""
        try:
            while self.loader.check_event():
                self.take(self.loader.get_event())
        except yaml.MarkedYAMLError as error:
            raise _StopError(yaml_errors.explain(error, self.lines, self.first)) from None
        if self.root and self.root.value is None:
            self.root = None

    def close(self) -> None:
        """Keep what was read before the document broke off."""
        self.is_broken = True
        while self.frames:
            self.root = self.frames.pop().item()
            if self.frames:
                self.frames[-1].attach(self.root)

    def take(self, event: yaml.Event) -> None:
        """Read one event on."""
        match event:
            case yaml.ScalarEvent():
                item = self.scalar(event)
                self.remember(event.anchor, item)
                self.put(item)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self.open(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                frame = self.frames.pop()
                item = frame.item()
                self.remember(frame.anchor, item)
                self.put(item)
            case yaml.AliasEvent():
                item = self.alias(event)
                self.put(item, item.size)

    def open(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        """Begin a list or mapping."""
        source = self.source(event)
        if len(self.frames) >= MAX_DEPTH:
            self.stop(source, f"values are nested more than {MAX_DEPTH} deep", "flatten them")
        self.check_tag(event.tag, source)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.frames.append(Frame(source, event.anchor, isinstance(event, yaml.MappingStartEvent)))

    def scalar(self, event: yaml.ScalarEvent) -> LocatedValue:
        """Read a plain value as YAML 1.2 does."""
        source = self.source(event)
        if not self.check_tag(event.tag, source):
            return LocatedValue(source, event.value)
        if bad := NOT_IN_XML.search(event.value):
            self.fault(source, f"the character U+{ord(bad[0]):04X} is not allowed", "remove it")
        tag = event.tag if event.tag and event.tag != "!" else self.resolve(event)
        if tag.endswith((":int", ":float")) and len(event.value) > _LONGEST_NUMBER:
            self.fault(
                source,
                f"the number has more than {_LONGEST_NUMBER} characters",
                "write it shorter, or quote it if it is no number",
            )
            return LocatedValue(source, event.value)
        node = yaml.ScalarNode(tag, event.value)
        try:
            value: Plain = self.loader.construct_object(node)
        except (ValueError, KeyError, IndexError, yaml.YAMLError):
            self.fault(
                source, "the value does not match its YAML tag", "remove the tag, or correct the value"
            )
            value = event.value
        return LocatedValue(source, value, self.indent(event) if event.style == "|" else None)

    def indent(self, event: yaml.ScalarEvent) -> int | None:
        """Return how far a block of text is indented, None where its lines are not the file's."""
        begin = event.start_mark.line + 1 if event.start_mark is not None else 0
        # By number: a copy of all that follows, for each of many blocks, would cost minutes.
        for number, text in enumerate(event.value.split("\n"), start=begin):
            if text and number < len(self.lines):
                line = self.lines[number]
                return len(line) - len(text) if line.endswith(text) else None
        return None

    def resolve(self, event: yaml.ScalarEvent) -> str:
        """Tell what kind of value a scalar without a tag is; one with the tag "!" is text."""
        implicit = (False, True) if event.tag == "!" else event.implicit
        return str(self.loader.resolve(yaml.ScalarNode, event.value, implicit))

    def alias(self, event: yaml.AliasEvent) -> LocatedValue:
        """Return what an alias stands for."""
        source, anchor = self.source(event), event.anchor or ""
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            self.stop(source, f"there are more than {MAX_ALIASES} aliases", "write the values out")
        item = self.anchors.get(anchor)
        if item is not None:
            if len(self.frames) + item.height > MAX_DEPTH:
                self.stop(source, f"values are nested more than {MAX_DEPTH} deep", "flatten them")
            return item
        # Without its name, which may be a password that nobody quoted.
        if anchor in self.anchors:
            self.stop(source, "the alias refers to the value that contains it", "write a value instead")
        self.fault(
            source,
            "a value that starts with '*' is an alias, and this one is not defined",
            "quote the value, or define its anchor before it, in the same document",
        )
        return LocatedValue(source, None)

    def put(self, item: LocatedValue, size: int = 1) -> None:
        """Put a value where it belongs; `size` is how many values it adds."""
        self.nodes += size
        if self.nodes > MAX_NODES:
            what = f"there are more than {MAX_NODES:,} values and field names, values of aliases included"
            self.stop(item.source, what, "write fewer of them")
        if not self.frames:
            self.root = item
            return
        frame = self.frames[-1]
        if frame.is_mapping and frame.key is None:
            frame.key = (item.source, self.key(frame, item))
        else:
            if len(frame) >= MAX_ENTRIES:
                what = f"a list or mapping has more than {MAX_ENTRIES:,} entries"
                self.stop(frame.source, what, "write fewer entries")
            frame.attach(item)

    def key(self, frame: Frame, item: LocatedValue) -> str | None:
        """Return the name of a mapping's field, None for one that cannot be."""
        # Processors, cells and threads have numbers for names.
        name = str(item.value) if type(item.value) is int else item.value
        if not isinstance(name, str):
            todo = "quote it; a value that starts with '{{' must be quoted as a whole"
            self.fault(item.source, "a field's name must be text", todo)
            return None
        if name == "<<":
            todo = "write the fields out; an alias may still stand for a whole value"
            self.fault(item.source, "merge keys ('<<') are not supported", todo)
            return None
        if (first := frame.entries.get(name)) is not None:
            what = f"field '{shown(name)}' is given twice, first on line {first.source.line}"
            # Two objects that lost the line between them look like this, so which ones were meant is not known.
            is_outermost = len(self.frames) == 1
            may_be_two = is_outermost and name in _OF_SPECS
            todo = "keep one of them" + (", or write '---' between two documents" if may_be_two else "")
            self.fault(item.source, what, todo)
            self.is_broken |= is_outermost
            return None
        return name

    def remember(self, anchor: str | None, item: LocatedValue) -> None:
        """Keep a value for its aliases."""
        if anchor:
            self.anchors[anchor] = item

    def check_tag(self, tag: str | None, source: Source) -> bool:
        """Tell whether a tag is one of YAML's own."""
        if tag is None or tag in _TAGS:
            return True
        # Without its name, which may be a password that nobody quoted.
        self.fault(
            source, "this tag is not allowed", "remove it; a value that starts with '!' must be quoted"
        )
        return False

    def source(self, event: yaml.Event) -> Source:
        """Return where in the file an event starts."""
        mark = event.start_mark
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        return Source(self.first.file, self.first.line + line, column + 1)

    def fault(self, source: Source, what: str, todo: str) -> None:
        """Note a mistake and read on."""
        self.faults.append(LocatedProblem(source, what, todo))

    def stop(self, source: Source, what: str, todo: str) -> NoReturn:
        """Read no further."""
        raise _StopError(LocatedProblem(source, what, todo))
