"""Write the commands in messages, so that they can be pasted into a shell and act on the same host."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

_ASCII = 0x80


class Manual(Enum):
    """An operation that an administrator performs with a command of the object's kind."""

    REMOVE = auto()
    START = auto()
    SHUT_DOWN = auto()
    RESUME = auto()
    POWER_OFF = auto()
    DISCARD_SAVE = auto()


Templates = Mapping[Manual, str]
"""The commands of a kind, with the placeholders "{name}" for the object's name and "{virsh}" for virsh."""


def quote(word: str) -> str:
    """Return a word quoted for a shell; characters that a terminal does not draw are escaped for bash."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < _ASCII else f"\\U{code:08x}"


def line(words: Iterable[object]) -> str:
    """Return a command line of words, quoted if necessary."""
    return " ".join(quote(str(word)) for word in words)


def domain_word(name: str, uuid: str) -> str:
    """Return the argument by which virsh finds a domain: its UUID if its name is a number, which virsh takes for an ID."""
    return uuid if name.isdecimal() and uuid else name


def virsh(uri: str, *words: str) -> str:
    """Return a command line of virsh for a libvirt URI; "" for virsh's default."""
    return line(("virsh", *(("--connect", uri) if uri else ()), *words))


@dataclass(frozen=True, slots=True)
class Commands:
    """
    The commands that messages name.

    Attributes:
        options: Options by which kvmreconcile uses the settings, state and libvirt of this run.
        uri: The libvirt URI of this run, "" if unknown.
    """

    options: tuple[str, ...] = ()
    uri: str = ""

    def kvmreconcile(self, *words: object, paths: Iterable[object] = ()) -> str:
        """Return a command line of kvmreconcile: words, options, and paths of specs."""
        named = tuple(map(str, paths))
        end = ("--",) if any(path.startswith("-") for path in named) else ()
        return line(("kvmreconcile", *words, *self.options, *end, *named))

    def filled(self, template: str, name: str) -> str:
        """Return the commands of a template with its placeholders replaced."""
        return template.format(name=quote(name), virsh=self.virsh())

    def virsh(self, *words: str) -> str:
        """Return a command line of virsh."""
        return virsh(self.uri, *words)


@dataclass(frozen=True, slots=True)
class ManualCommands:
    """The commands of one kind that messages name."""

    commands: Commands
    templates: Templates

    def after(self, todo: str, manual: Manual | None, name: str) -> str:
        """Return advice about an object, followed by the command that does it if its kind has one."""
        if manual is None or manual not in self.templates:
            return todo
        return f"{todo}: {self.commands.filled(self.templates[manual], name)}"
