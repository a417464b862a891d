"""
Read YAML 1.2 into values with their places, with limits on time and memory for hostile files.

PyYAML's own composer recurses in C and crashes on deep nesting, keeps the last of two equal keys,
and reads YAML 1.1. Therefore, this module builds the tree from libyaml's events, and uses a library
only to resolve scalars.
"""

from typing import NoReturn

import yaml
from yamlcore import CCoreLoader  # type: ignore[import-untyped] # it has no annotations

from kvmreconcile.model import Source
from kvmreconcile.model.located import LocatedValue, Plain
from kvmreconcile.source import yaml_errors
from kvmreconcile.source.decoding import NOT_IN_XML, Chunk
from kvmreconcile.source.located import Frame, ParsedYaml
from kvmreconcile.source.problem import LocatedProblem, printable

MAX_DEPTH = 64
MAX_NODES = 100_000
"""Maximum number of values, counted with all aliases resolved; aliases of aliases count, too."""
MAX_ALIASES = 100
MAX_ENTRIES = 4096
"""Maximum number of entries of a list or mapping; libvirt's lists are always shorter."""
_LONGEST_NUMBER = len("-0x") + 20
_OF_SPECS = frozenset({"apiVersion", "kind", "metadata", "spec"})
"""The top-level fields of a spec. Settings have other fields, and consist of one document."""

_TAGS = {f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null", "seq", "map")} | {"!"}


def parse_yaml(chunk: Chunk, file: str) -> ParsedYaml:
    """Parse the text of one document."""
    composer = _Composer(chunk, file)
    try:
        composer.run()
    except _StopError as stop:
        composer.problems.append(stop.problem)
        composer.close()
    return ParsedYaml(composer.root, tuple(composer.problems), whole=not composer.is_broken)


class _StopError(Exception):
    """Raised to stop reading a document."""

    def __init__(self, problem: LocatedProblem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Composer:
    """Builds the value of one document from events; `root` is the result."""

    def __init__(self, chunk: Chunk, file: str) -> None:
        self.loader = CCoreLoader(chunk.text)
        self.lines = chunk.text.split("\n")
        self.first = Source(file, chunk.lines_before + 1, 1)
        self.frames: list[Frame] = []
        self.anchors: dict[str, LocatedValue | None] = {}
        self.aliases = 0
        self.nodes = 0
        self.root: LocatedValue | None = None
        self.problems: list[LocatedProblem] = []
        self.is_broken = False

    def run(self) -> None:
        """Read to the end of the document."""
        try:
            while self.loader.check_event():
                self.take(self.loader.get_event())
        except yaml.MarkedYAMLError as error:
            raise _StopError(yaml_errors.explain_error(error, self.lines, self.first)) from None
        if self.root and self.root.value is None:
            self.root = None

    def close(self) -> None:
        """Keep the values that were read before the error."""
        self.is_broken = True
        while self.frames:
            self.root = self.frames.pop().item()
            if self.frames:
                self.frames[-1].attach(self.root)

    def take(self, event: yaml.Event) -> None:
        """Process one event."""
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
            self.stop(source, f"values are nested more than {MAX_DEPTH} deep", "reduce the nesting")
        self.check_tag(event.tag, source)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.frames.append(Frame(source, event.anchor, isinstance(event, yaml.MappingStartEvent)))

    def scalar(self, event: yaml.ScalarEvent) -> LocatedValue:
        """Read a plain value according to YAML 1.2."""
        source = self.source(event)
        if not self.check_tag(event.tag, source):
            return LocatedValue(source, event.value)
        if bad := NOT_IN_XML.search(event.value):
            self.add_problem(source, f"the character U+{ord(bad[0]):04X} is not allowed", "remove it")
        tag = event.tag if event.tag and event.tag != "!" else self.resolve(event)
        if tag.endswith((":int", ":float")) and len(event.value) > _LONGEST_NUMBER:
            self.add_problem(
                source,
                f"the number has more than {_LONGEST_NUMBER} characters",
                "shorten the number, or quote the value if it is text",
            )
            return LocatedValue(source, event.value)
        node = yaml.ScalarNode(tag, event.value)
        try:
            value: Plain = self.loader.construct_object(node)
        except (ValueError, KeyError, IndexError, yaml.YAMLError):
            self.add_problem(
                source, "the value does not match its YAML tag", "remove the tag, or correct the value"
            )
            value = event.value
        return LocatedValue(source, value, self.indent(event) if event.style == "|" else None)

    def indent(self, event: yaml.ScalarEvent) -> int | None:
        """Return the indentation of a text block, or None if its lines differ from the file's."""
        begin = event.start_mark.line + 1 if event.start_mark is not None else 0
        # Lines are found by number: copying the rest of the file for each of many blocks would take
        # minutes.
        for number, text in enumerate(event.value.split("\n"), start=begin):
            if text and number < len(self.lines):
                line = self.lines[number]
                return len(line) - len(text) if line.endswith(text) else None
        return None

    def resolve(self, event: yaml.ScalarEvent) -> str:
        """Return the tag of a scalar without one; a scalar with the tag "!" is text."""
        implicit = (False, True) if event.tag == "!" else event.implicit
        return str(self.loader.resolve(yaml.ScalarNode, event.value, implicit))

    def alias(self, event: yaml.AliasEvent) -> LocatedValue:
        """Return the value that an alias refers to."""
        source, anchor = self.source(event), event.anchor or ""
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            self.stop(
                source, f"there are more than {MAX_ALIASES} aliases", "write the values without aliases"
            )
        item = self.anchors.get(anchor)
        if item is not None:
            if len(self.frames) + item.height > MAX_DEPTH:
                self.stop(source, f"values are nested more than {MAX_DEPTH} deep", "reduce the nesting")
            return item
        # The message omits the alias's name, which may be an unquoted password.
        if anchor in self.anchors:
            self.stop(source, "the alias refers to the value that contains it", "write a value instead")
        self.add_problem(
            source,
            "a value that starts with '*' is an alias, and this alias is not defined",
            "quote the value, or define the anchor earlier in the same document",
        )
        return LocatedValue(source, None)

    def put(self, item: LocatedValue, size: int = 1) -> None:
        """Add a value to the current list or mapping, and `size` to the number of values."""
        self.nodes += size
        if self.nodes > MAX_NODES:
            what = f"there are more than {MAX_NODES:,} values and field names, including values of aliases"
            self.stop(item.source, what, "reduce their number")
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
        """Return the name of a mapping's field, or None if the name is invalid."""
        # The keys of some mappings are numbers of processors, NUMA cells or threads.
        name = str(item.value) if type(item.value) is int else item.value
        if not isinstance(name, str):
            todo = "quote the name; a value that starts with '{{' must be quoted as a whole"
            self.add_problem(item.source, "a field's name must be text", todo)
            return None
        if name == "<<":
            todo = "write the fields themselves; an alias may only stand for a whole value"
            self.add_problem(item.source, "merge keys ('<<') are not supported", todo)
            return None
        if (first := frame.entries.get(name)) is not None:
            what = f"field '{printable(name)}' is set twice, first on line {first.source.line}"
            # Two documents without '---' between them look like this. The intended objects are
            # unknown.
            is_outermost = len(self.frames) == 1
            may_be_two = is_outermost and name in _OF_SPECS
            todo = "keep one of the two" + (", or write '---' between two documents" if may_be_two else "")
            self.add_problem(item.source, what, todo)
            self.is_broken |= is_outermost
            return None
        return name

    def remember(self, anchor: str | None, item: LocatedValue) -> None:
        """Keep a value for later aliases."""
        if anchor:
            self.anchors[anchor] = item

    def check_tag(self, tag: str | None, source: Source) -> bool:
        """Return whether a tag is one of YAML's own tags; if not, add a problem."""
        if tag is None or tag in _TAGS:
            return True
        # The message omits the tag's name, which may be an unquoted password.
        self.add_problem(
            source, "this tag is not allowed", "remove the tag; a value that starts with '!' must be quoted"
        )
        return False

    def source(self, event: yaml.Event) -> Source:
        """Return the place in the file where an event starts."""
        mark = event.start_mark
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        return Source(self.first.file, self.first.line + line, column + 1)

    def add_problem(self, source: Source, what: str, todo: str) -> None:
        """Add a problem; reading continues."""
        self.problems.append(LocatedProblem(source, what, todo))

    def stop(self, source: Source, what: str, todo: str) -> NoReturn:
        """Add a problem and stop reading."""
        raise _StopError(LocatedProblem(source, what, todo))
