"""
Decode a file's bytes and split the text into YAML documents.

The text is split before any document is parsed, so that a syntax error in one document does not
hide the next document. In YAML, a line that starts with "---" ends a document everywhere, even
inside quotes.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.model import Source
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.sparse import KEEP_OUT_OF_LFS, LFS, is_pointer

MAX_BYTES = 1 << 20
"""Maximum size of a spec file in bytes."""

# A document starts at "---" and ends after "...".
_BOUNDARY = re.compile(r"^(?=---(?:[ \t\n]|\Z))|(?<=^\.\.\.)(?:[ \t][^\n]*)?(?:\n|\Z)", re.MULTILINE)
_EMPTY = re.compile(r"(?:(?:[ \t]*(?:#.*)?|\.\.\.[ \t]*(?:#.*)?)(?:\n|\Z))*")
# Text with only directives, such as "%YAML 1.2". A document must follow directives.
_ONLY_DIRECTIVES = re.compile(r"(?:(?:[ \t]*(?:#.*)?|%.*|\.\.\.[ \t]*(?:#.*)?)(?:\n|\Z))*")
# Characters that YAML does not allow in a file, and those that only YAML 1.1 reads as line breaks.
# Source: https://yaml.org/spec/1.2.2/#51-character-set and #54-line-break-characters
_FORBIDDEN = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
# Source: https://www.w3.org/TR/xml/#charsets
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


_NOT_TEXT: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    # A copy in progress or a power cut can leave an empty file, which must not count as a file
    # without specs.
    (lambda content: not content, "the file is empty", "write a spec into the file, or remove the file"),
    (is_pointer, f"the file {LFS}", KEEP_OUT_OF_LFS),
    (
        lambda content: len(content) > MAX_BYTES,
        "the file is larger than 1 MiB",
        (
            "remove what is not needed, split the specs into several files, or, "
            "in a directory, list files with other data in .kvmreconcileignore"
        ),
    ),
    # This row precedes UTF-16, because the UTF-32 byte order mark starts with the UTF-16 one.
    (
        lambda content: content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")),
        "the file is UTF-32",
        "save the file as UTF-8",
    ),
    (
        lambda content: content.startswith((b"\xff\xfe", b"\xfe\xff")),
        "the file is UTF-16",
        "save the file as UTF-8",
    ),
)
"""Problems of a whole file: a test of the content, the problem, and the advice."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The text of one document, and the number of lines that precede it in the file."""

    text: str
    lines_before: int


def decode(content: bytes, file: str) -> str | LocatedProblem:
    """
    Return a file's text with newlines as line ends, or the problem that makes the file unreadable.

    Args:
        file: The file's name in messages.
    """
    for applies, what, todo in _NOT_TEXT:
        if applies(content):
            return LocatedProblem(Source(file, 1, 1), what, todo)
    if b"\0" in content:
        source = _place(content[: content.index(b"\0")].decode(errors="replace"), file)
        return LocatedProblem(
            source,
            "the file contains a NUL byte",
            "save the file as UTF-8 without NUL bytes, or remove the file",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The error's offsets refer to its own copy of the bytes, which lacks the byte order mark.
        before = error.object[: error.start].decode("utf-8", errors="replace")
        what = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        return LocatedProblem(_place(before, file), what, "encode the text as UTF-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if bad := _FORBIDDEN.search(text):
        what = f"the character U+{ord(bad[0]):04X} is not allowed"
        escaped = f', or write it as "\\u{ord(bad[0]):04X}" inside double quotes'
        todo = "delete it" + ("" if NOT_IN_XML.match(bad[0]) else escaped)
        return LocatedProblem(_place(text[: bad.start()], file), what, todo)
    return text


def chunks(text: str) -> Iterator[Chunk]:
    """Yield the documents of a text, except empty ones."""
    begin, lines = 0, 0
    ends = sorted({m.start() if not m[0] else m.end() for m in _BOUNDARY.finditer(text)} | {len(text)})
    for end in ends:
        part = text[begin:end]
        empty = _ONLY_DIRECTIVES if text.startswith("---", end) else _EMPTY
        if not empty.fullmatch(part):
            yield Chunk(part, lines)
        begin, lines = end, lines + part.count("\n")


def shown_path(path: Path) -> str:
    """Return a file's name, with unprintable characters replaced."""
    text = str(path)
    if text.isprintable():  # surrogates, which stand for undecodable bytes, are not
        return text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _place(before: str, file: str) -> Source:
    """
    Return the place in a file that follows the first part of its text.

    Args:
        before: The first part of the text.
        file: The file's name in messages.
    """
    before = before.replace("\r\n", "\n").replace("\r", "\n")
    return Source(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
