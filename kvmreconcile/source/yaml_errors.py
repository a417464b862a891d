"""Translate libyaml's syntax errors into messages for users."""

from dataclasses import dataclass

import yaml

from kvmreconcile.model import Source
from kvmreconcile.source.problem import LocatedProblem


@dataclass(frozen=True, slots=True)
class _Row:
    """
    The translation of one of libyaml's messages.

    Attributes:
        problem: Part of libyaml's problem.
        context: Part of libyaml's context. A single character must be at the place of the error.
        at_start: Whether to report the error at the start of the value that was being read.
        is_behind: Whether a value must precede the place on its line.
    """

    problem: str
    context: str
    what: str
    todo: str
    at_start: bool = False
    is_behind: bool = False

    def matches(self, problem: str, context: str, here: str, before: str) -> bool:
        """
        Return whether this row translates a message.

        Args:
            here: The character at the place of the error.
            before: The characters before this place on the line.
        """
        if self.is_behind and not before.strip(" -"):
            return False
        is_here = len(self.context) != 1 or self.context == here
        return self.problem in problem and is_here and (len(self.context) == 1 or self.context in context)


_STRAY = "this bracket has no opening bracket"
_BEHIND = "the value ends before this text"
_QUOTES = r"""write a quote as '' in single quotes, as \" in double quotes"""
_WHOLE = f"quote the whole value ({_QUOTES}), or start a new line"
_ADD = f"add the missing character, or quote a text that contains ':', a bracket or a quote ({_QUOTES})"
_INDENT = "indent the line like the lines around it, or quote the whole text"
_CLOSE = "close the quote, or indent lines of the text that start with '---' or '...'"
_ROWS = (
    _Row("found character that cannot start any token", "\t", "a tab is not allowed here", "use spaces"),
    _Row("found character that cannot start any token", "", "an unquoted text cannot start with this character", "quote the text"),
    _Row("mapping values are not allowed", "", "a ':' is not expected here", "indent the line like the lines around it, add a missing ': ' to the line above, or quote a text that contains ':'"),
    _Row("found unexpected end of stream", "quoted scalar", "the quote that opens here is not closed in this document", _CLOSE, at_start=True),
    _Row("found unexpected document indicator", "quoted scalar", "the quote that opens here is not closed in this document", _CLOSE, at_start=True),
    _Row("did not find expected ',' or ']'", "", "the list that opens here lacks a ',' or ']'", _ADD, at_start=True),
    _Row("did not find expected ',' or '}'", "", "the mapping that opens here lacks a ',' or '}'", _ADD, at_start=True),
    _Row("did not find expected node content", "-", "a '- ' is not allowed inside brackets or braces", "remove it, or quote the text"),
    _Row("did not find expected node content", "", "a value is missing here", "write the value, remove the surplus ',' or bracket, or quote a text that starts with this character"),
    *(
        _Row(f"did not find expected {what}", bracket, _STRAY, "remove it")
        for what in ("key", "'-' indicator", "<document start>")
        for bracket in "]}"
    ),
    _Row("did not find expected '-' indicator", "", _BEHIND, _WHOLE, is_behind=True),
    _Row("did not find expected key", "", _BEHIND, _WHOLE, is_behind=True),
    _Row("did not find expected key", ":", "a field's name is missing before this ':'", "write the name, or remove the ':'"),
    _Row("did not find expected '-' indicator", "", "this line is not an entry of the list before it", "start the line with '- ', or indent it like the lines that it belongs to"),
    _Row("did not find expected key", "", "this line does not fit the fields before it", _INDENT),
    _Row("could not find expected ':'", "", "this line is neither 'field: value' nor '- entry'", "correct the line (a space must follow ':' or '-'), or indent text that belongs to the line above", at_start=True),
    _Row("block sequence entries are not allowed", "", "a list cannot start here", "start the list on a new line, or quote the whole text"),
    _Row("found unknown escape character", "", "unknown escape sequence in double quotes", r"write '\\' for a backslash, or use single quotes"),
    _Row("did not find expected hexdecimal number", "", "a character's number in hexadecimal is expected here", r"write '\\' for a backslash, or use single quotes"),
    _Row("found invalid Unicode character escape code", "", "this escape sequence is not a valid Unicode character", r"write the character itself, or '\\' for a backslash"),
    _Row("", "directive", "a line that starts with '%' is a directive of YAML", "remove it, or quote the text", at_start=True),
    _Row("did not find expected alphabetic or numeric", "alias", "a value that starts with '*' is an alias", "quote the value"),
    _Row("did not find expected alphabetic or numeric", "anchor", "a value that starts with '&' is an anchor", "quote the value; the name of an anchor contains only letters, digits, '-' and '_'"),
    _Row("did not find expected comment or line break", "block scalar", "text must start on the line below '|' or '>'", "move the text there, indented, or quote a value that starts with '|' or '>'"),
    _Row("found a tab character", "", "a tab indents this line", "indent with spaces"),
    _Row("did not find expected <document start>", "", "this line is outside of a document", "indent the line like the lines before it, remove the early end of the document, or start a new document with '---'"),
    _Row("did not find the expected '>'", "tag", "this tag is not closed", "remove the tag; a value that starts with '!' must be quoted", at_start=True),
    _Row("tag", "", "this tag is not allowed", "remove the tag; a value that starts with '!' must be quoted"),
)  # fmt: skip


def explain_error(error: yaml.MarkedYAMLError, lines: list[str], first: Source) -> LocatedProblem:
    """
    Return a syntax error as a problem.

    Args:
        lines: The lines of the text.
        first: The place in the file where the text begins.
    """
    problem, context = error.problem or "", error.context or ""
    mark = error.problem_mark or error.context_mark
    text = "".join(lines[mark.line : mark.line + 1]) if mark is not None else ""
    column = mark.column if mark is not None else 0
    before, here = text[:column], text[column : column + 1]
    row = next((r for r in _ROWS if r.matches(problem, context, here, before)), None)
    if row and row.at_start and error.context_mark is not None:
        mark = error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    if line and not any(text.strip(" ") for text in lines[line:]):
        # The text ended too early. The error is in its last line, not in the next document.
        line = max((i for i, text in enumerate(lines) if text.strip()), default=0)
        column = len(lines[line])
    source = Source(first.file, first.line + line, column + 1)
    if row is None:
        return LocatedProblem(
            source, f"this is not YAML: {problem}", "correct the syntax, or quote the value"
        )
    return LocatedProblem(source, row.what, row.todo)
