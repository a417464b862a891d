"""
Find the commands in messages, check them, and list them from the source.

In a message, a command is in quotes or at the end, after a colon or semicolon.
"""

import ast
import html
import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typer

from kvmreconcile.cli.app import app

PACKAGE = Path(__file__).parents[1] / "kvmreconcile"
_OURS = "approve|apply|plan|adopt|resume|suspend|status|diff|history|fetch|validate|explain|run|schema|reconcile|state"
_WORDS = (
    rf"kvmreconcile (?:{_OURS})\b",
    r"virsh(?: --connect \S+)? [a-z][a-z-]*",
    r"virsh(?= --connect)",
    r"git (?:-C \S+ )?(?:fetch|clone|pull|lfs|annex|submodule|config|checkout)\b",
    r"ssh-key[a-z]+ -",
    r"systemctl [a-z-]+",
    r"chown \S+ ",
    r"chmod [0-9a-z+-]+ ",
    r"ip link \w+",
    r"qemu-img [a-z]+",
    r"(?:gzip|xz|zstd|bzip2|lz4|lzip|lzop)(?: --\S+)? -dc",
    r"(?:\S+ -m )?pip install",
    r"simg2img ",
    r"partclone\.restore -",
)
_BEGINS = "|".join(_WORDS)
_FOUND = re.compile(rf"(?P<before>[\"']|(?:^|[:;,] |or )\s*)(?P<command>(?:{_BEGINS}).*)")
_OPERATORS = frozenset({";", "&&", "||", "|"})


def commands(text: str) -> Iterator[str]:
    """Yield the commands in a text; strings of JSON are separate lines."""
    for line in _lines(text):
        if found := _FOUND.search(line):
            quote = found["before"] if found["before"] in ("'", '"') else ""
            yield found["command"].partition(quote)[0] if quote else found["command"]


def _lines(text: str) -> Iterator[str]:
    try:
        document = json.loads(text)
    except ValueError:
        document = text
    for string in _strings(document):
        # Text for a forge is escaped, and ends as a cell of a table or in bold.
        yield from (re.sub(r" \|$|\*\*$", "", html.unescape(line)) for line in string.splitlines())


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from (each for inner in value.values() for each in _strings(inner))
        case list():
            yield from (each for inner in value for each in _strings(inner))


def check(command: str) -> None:
    """Check that a shell and the programs accept a command, and that its files exist."""
    for words in simple(command):
        match words:
            case ["kvmreconcile", *rest]:
                _check_ours(rest)
            case ["virsh", "--connect", _, verb, *_] | ["virsh", verb, *_]:
                assert verb in _verbs(), command
            case ["chown" | "chmod", _, file]:
                assert Path(file).exists(), command
            case ["git", "-C", directory, *_]:
                assert Path(directory).is_dir(), command
            case _:
                assert re.match(_BEGINS, " ".join(words)), command


def simple(command: str) -> Iterator[list[str]]:
    """Yield the simple commands of a line as words, without redirections."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in _OPERATORS:
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _check_ours(words: Sequence[str]) -> None:
    """Check that the command line accepts some words, and that the paths among them exist."""
    command: Any = typer.main.get_command(app)
    context: Any = command.make_context("kvmreconcile", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
        context = command.make_context(name, rest, parent=context)
    for value in context.params.values():
        for path in value if isinstance(value, list | tuple) else (value,):
            is_new = isinstance(path, Path) and path == context.params.get("state")
            assert not isinstance(path, Path) or is_new or path.exists(), words


@cache
def _verbs() -> frozenset[str]:
    output = subprocess.run(["virsh", "help"], check=True, capture_output=True, text=True).stdout
    return frozenset(line.split()[0] for line in output.splitlines() if line.startswith("    "))


def templates() -> dict[str, str]:
    """Return the commands in the product's messages, each with its file."""
    return {
        template: str(file.relative_to(PACKAGE))
        for file in sorted(PACKAGE.rglob("*.py"))
        for template in _templates(ast.parse(file.read_text()))
    }


def _templates(tree: ast.Module) -> Iterator[str]:
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in documentation:
                yield from _named(text)
            case ast.Call(func=ast.Attribute(attr="kvmreconcile" | "_again" | "_see"), args=[*args]):
                words = [a.value for a in args if isinstance(a, ast.Constant)]
                ours = words[:2] if words[:1] == ["state"] else words[:1]
                yield from (f"kvmreconcile {' '.join(map(str, ours))}",) if ours else ()
            case ast.Call(func=ast.Attribute(attr="virsh") | ast.Name(id="virsh"), args=[*args]):
                yield from (f"virsh {a.value!s}" for a in args if isinstance(a, ast.Constant))


def _named(text: str) -> Iterator[str]:
    for found in re.finditer(rf"(?<![\w/.`-])(?:{_BEGINS}|\{{virsh\}} [a-z-]+)", text):
        words = found[0].replace("{virsh}", "virsh").split()
        yield " ".join(word for word in words if not word.startswith("-"))
