"""Render the commands in messages, ready to be pasted into a shell and for the same host."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

_ASCII = 0x80


class Manual(Enum):
    """An operation for which messages suggest a command."""

    REMOVE = auto()
    START = auto()
    SHUT_DOWN = auto()
    RESUME = auto()
    POWER_OFF = auto()
    DISCARD_SAVE = auto()


Templates = Mapping[Manual, str]
"""The commands of a kind; "{name}" stands for the object's name, "{virsh}" for virsh and its URI."""


def quote(word: str) -> str:
    """Return a word quoted for a shell; unprintable characters are escaped for bash."""
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
    """Return a command line made of words; each word is quoted if necessary."""
    return " ".join(quote(str(word)) for word in words)


def domain_word(name: str, uuid: str) -> str:
    """Return the virsh argument for a domain: its name, or its UUID if virsh would read the name as an ID."""
    return uuid if name.isdecimal() and uuid else name


def virsh(uri: str, *words: str) -> str:
    """Return a virsh command line. `uri` is the libvirt URI; "" means the default of virsh."""
    return line(("virsh", *(("--connect", uri) if uri else ()), *words))


@dataclass(frozen=True, slots=True)
class Commands:
    """
    Renders the commands that messages suggest.

    Attributes:
        options: Options that select the settings, state and libvirt URI of the current process.
        uri: The libvirt URI of the current process; "" if it is unknown.
    """

    options: tuple[str, ...] = ()
    uri: str = ""

    def kvmreconcile(self, *words: object, paths: Iterable[object] = ()) -> str:
        """Return a kvmreconcile command line: the words, then the options, then the paths of specs."""
        named = tuple(map(str, paths))
        end = ("--",) if any(path.startswith("-") for path in named) else ()
        return line(("kvmreconcile", *words, *self.options, *end, *named))

    def filled(self, template: str, name: str) -> str:
        """Return the commands of a template for the object `name`."""
        return template.format(name=quote(name), virsh=self.virsh())

    def virsh(self, *words: str) -> str:
        """Return a virsh command line for the libvirt URI."""
        return virsh(self.uri, *words)


@dataclass(frozen=True, slots=True)
class ManualCommands:
    """Renders the commands for objects of one kind that messages suggest."""

    commands: Commands
    templates: Templates

    def after(self, todo: str, manual: Manual | None, name: str) -> str:
        """
        Return advice about an object, followed by a command if the kind has one.

        Args:
            todo: The advice.
            manual: The operation that the advice suggests; None for no command.
            name: The name of the object.
        """
        if manual is None or manual not in self.templates:
            return todo
        return f"{todo}: {self.commands.filled(self.templates[manual], name)}"
