"""
Mutate a valid document: change one of its fields, or some of its bytes.

All random choices use a generator that the caller seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from random import Random
from typing import Any

import yaml
from lxml import etree

Place = tuple[str | int, ...]

SCALARS: Sequence[Any] = (
    None, True, False, "", " ", "\t", "~", 0, -1, 1, 0xFF, 2**31, 2**32, 2**63, 2**64, -(2**63), 10**19, 1.5, float("nan"),
    float("inf"), 1e308, "9" * 25, "0x" + "f" * 40, "-0", "0o17", "1e9", "1_000", "²", "٣", "1.2.3GiB", "99999999999999999GiB",
    "-1GiB", "1e3MiB", "yes", "on", "null", "..", ".", "/", "//", "a/b", "../../etc/passwd", "/etc/shadow", "/dev/zero",
    "a" * 256, "a" * 70_000, "é" * 300, "\u202e", "\x7f", "\U0001f600", "%s%n", "${HOME}", "$(id)", "`id`", "'", '"', "<", "]]>",
    "&amp;", "<!DOCTYPE a>", "<domain/>", "<domain>", "<domain>" * 70, "*", "**", "a[0]", "0-99999", "99999-0", "^1", "0,1,^0",
    "52:54:00:00:00:00", "ff:ff:ff:ff:ff:ff", "255.255.255.255/33", "0.0.0.0/0", "::/0", "fe80::1%eth0", "2001:db8::/129",
    "00000000-0000-0000-0000-000000000000", "Sun 25:61 +9999d Nowhere/Zone", "* * * * * * *", "9999-12-31T23:59:59-14:00",
)  # fmt: skip
"""Values that are at a limit, beyond a limit, or of an unexpected type."""
_XML_SCALARS = [value for value in SCALARS if str(value).isprintable() and len(str(value)) < 300]
WORDS = (b"\xff", b"\x00", b"\xef\xbb\xbf", b"\r", b"\t", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"!!python/object ", b"---\n",
         b"...\n", b"%YAML 1.1\n", b"<<: *a\n", b"? ", b": ", b"- ", b"|\n", b">\n", b"#", b"'", b'"', b"\\x", b"\xe2\x80\xa8")  # fmt: skip


def by_field(text: str, dice: Random) -> bytes:
    """Change one or a few fields of one document."""
    documents = [each for each in yaml.safe_load_all(text) if isinstance(each, dict)]
    for _ in range(dice.choice((1, 1, 1, 1, 1, 3))):
        document = dice.choice(documents)
        change, places = dice.choice(_CHANGES), _places(document)
        # If apiVersion, kind or metadata is invalid, little else of a document is checked.
        inside = [place for place in places if place[0] == "spec" and len(place) > 1]
        change(document, dice.choice(inside if inside and dice.random() < 0.9 else places), dice)
        if change is _repeat:
            break  # A value that was already repeated thousands of times is not repeated again.
    return yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")


def by_bytes(content: bytes, dice: Random) -> bytes:
    """Change a few bytes at random places."""
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 8))):
        at = dice.randrange(len(changed) + 1)
        match dice.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                changed[at:at] = dice.choice(WORDS)
            case 2:
                del changed[at : at + dice.choice((1, 4, 64))]
            case 3:
                del changed[at:]
            case _:
                part = bytes(changed[at : at + dice.choice((8, 64))])
                changed[at:at] = part * dice.choice((1, 2, 50))
    return bytes(changed)


def _places(value: Any, place: Place = ()) -> list[Place]:
    found = [place] if place else []
    entries = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in entries:
        found += _places(child, (*place, key))
    return found


def _parent(document: Any, place: Place) -> Any:
    for step in place[:-1]:
        document = document[step]
    return document


def _replace(document: Any, place: Place, dice: Random) -> None:
    _parent(document, place)[place[-1]] = dice.choice(SCALARS)


def _edit_xml(document: Any, place: Place, dice: Random) -> None:
    """Change one element of a fragment; if there is none, change the value."""
    value = _parent(document, place)[place[-1]]
    if not isinstance(value, str) or not value.lstrip().startswith("<"):
        _replace(document, place, dice)
        return
    try:
        root = etree.fromstring(value)
    except etree.XMLSyntaxError:  # an earlier change broke it
        _replace(document, place, dice)
        return
    element = dice.choice(list(root.iter("*")))
    parent = element.getparent()
    word = str(dice.choice(_XML_SCALARS))
    match dice.randrange(5):
        case 0 if element.attrib:
            element.set(dice.choice(list(element.attrib)), word)
        case 1:
            element.text = word
        case 2 if parent is not None:
            parent.extend(deepcopy(element) for _ in range(dice.choice((1, 50, 3000))))
        case 3 if parent is not None:
            parent.remove(element)
        case _:
            element.tag = dice.choice(("disk", "alias", "address", "a", "source", "target", "interface"))
    _parent(document, place)[place[-1]] = etree.tostring(root, encoding="unicode")


def _remove(document: Any, place: Place, _dice: Random) -> None:
    del _parent(document, place)[place[-1]]


def _nest(document: Any, place: Place, dice: Random) -> None:
    parent, value = _parent(document, place), _parent(document, place)[place[-1]]
    for _ in range(dice.choice((1, 2, 70))):
        value = dice.choice(([value], {"a": value}))
    parent[place[-1]] = value


def _repeat(document: Any, place: Place, dice: Random) -> None:
    parent, count = _parent(document, place), dice.choice((2, 10, 5000))
    if isinstance(parent, list):
        parent[:] = parent + [parent[place[-1]]] * count  # type: ignore[index] # the last step of a list's place is a number
    else:
        parent |= {f"{place[-1]}{number}": parent[place[-1]] for number in range(count)}


def _rename(document: Any, place: Place, dice: Random) -> None:
    parent = _parent(document, place)
    if isinstance(parent, dict):
        parent[dice.choice(("xml", "spec", "", "a" * 300, "é", 7, "on"))] = parent.pop(place[-1])


def _swap(document: Any, place: Place, dice: Random) -> None:
    """Replace a value with another value of the document."""
    other = dice.choice(_places(document))
    value = _parent(document, other)[other[-1]]
    if place[: len(other)] != other and other[: len(place)] != place:
        _parent(document, place)[place[-1]] = value


_CHANGES: Sequence[Callable[[Any, Place, Random], None]] = (
    _edit_xml, _edit_xml, _edit_xml, _replace, _replace, _replace, _remove, _remove, _remove, _nest, _repeat, _rename, _swap,
)  # fmt: skip
