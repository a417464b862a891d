"""
Convert values to libvirt's canonical spelling, and compare values.

A text with an unexpected form is returned unchanged, for libvirt to accept or reject.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address

Canonical = Callable[[str], str]

_NUMBER_OF_A_SET = re.compile("[0-9]{1,5}")
"""CPU and node numbers have at most 5 digits, because the size of the result grows with the number."""
_DIGITS = "[0-9]{1,20}"
"""64-bit numbers have at most 20 digits. Longer numbers are unchanged, for libvirt to reject."""
_DECIMAL = re.compile(f"[+-]?{_DIGITS}")

_LETTERS = "BKMGTPE"
_UNITS = {"b": 1, "bytes": 1, "byte": 1, "k": 1 << 10, "kib": 1 << 10, "kb": 10**3}
for _power, _letter in enumerate("mgtpe", start=2):
    _UNITS |= {_letter: 1 << 10 * _power, f"{_letter}ib": 1 << 10 * _power, f"{_letter}b": 10 ** (3 * _power)}


def whole(text: str) -> int | None:
    """Return a decimal whole number; None for any other text and for numbers of more than 20 digits."""
    return int(text) if re.fullmatch(_DIGITS, text) else None


def size_bytes(number: str, unit: str) -> int | None:
    """
    Return a size in bytes; None if the number or the unit is invalid.

    Source: https://libvirt.org/formatdomain.html#memory-allocation (units "b", "KB", "KiB", … "EiB")
    """
    factor, count = _UNITS.get(unit.lower()), whole(number.strip())
    return count * factor if factor and count is not None else None


def print_size(size: int, *beside: int) -> str:
    """
    Return a size as text in the largest binary unit that makes it a whole number.

    Args:
        size: The size in bytes.
        beside: Other sizes in bytes, which must be whole numbers in the unit, too.
    """
    sizes, power = [each for each in (size, *beside) if each], 0
    while sizes and all(each % 1024 == 0 for each in sizes) and power < len(_LETTERS) - 1:
        sizes = [each // 1024 for each in sizes]
        power += 1
    return f"{size // 1024**power}{_LETTERS[power]}{'iB' if power else ''}"


def lower(text: str) -> str:
    """Return the text in lower case, as libvirt does with MAC addresses."""
    return text.strip().lower()


def uuid(text: str) -> str:
    """Return a UUID in lower case with dashes in the standard places."""
    digits = re.sub(r"[\s-]", "", text).lower()
    if len(digits) != 32:
        return text
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def number(text: str) -> str:
    """Return a decimal, hexadecimal ("0x0a") or octal ("010") whole number in decimal."""
    stripped = text.strip()
    if re.fullmatch("[+-]?0[0-7]{1,22}", stripped):
        return str(int(stripped, 8))
    if re.fullmatch(f"[+-]?(0x[0-9a-fA-F]{{1,16}}|{_DIGITS})", stripped):
        return str(int(stripped, 0))
    return text


def integer(text: str) -> str:
    """Return a decimal number without leading zeros or blanks."""
    stripped = text.strip()
    return str(int(stripped)) if _DECIMAL.fullmatch(stripped) else text


def octal(text: str) -> str:
    """Return a file mode such as "711" as libvirt writes it: an octal number that begins with 0."""
    stripped = text.strip()
    return f"0{int(stripped, 8):03o}" if re.fullmatch("[0-7]{1,12}", stripped) else text


def hundredths(text: str) -> str:
    """Return a version such as "2.1" with two digits after the point ("2.10")."""
    major, point, minor = text.strip().partition(".")
    return f"{major}.{minor:0<2}" if point else text


def bitmap(text: str) -> str:
    """
    Return a set of numbers such as "0,1,2,^1" as libvirt writes it: "0,2", with ranges such as "0-3".

    Source: https://libvirt.org/formatdomain.html#cpu-allocation
    """
    # A set is one integer with a bit for each number: fast enough for numbers of five digits, and many sets.
    chosen = 0
    for part in text.replace(" ", "").replace("\n", "").split(","):
        first, _, last = part.removeprefix("^").partition("-")
        if not _NUMBER_OF_A_SET.fullmatch(first) or (last and not _NUMBER_OF_A_SET.fullmatch(last)):
            return text
        span = ((1 << max(int(last or first) - int(first) + 1, 0)) - 1) << int(first)
        chosen = chosen & ~span if part.startswith("^") else chosen | span
    runs = ((run.start(), run.end() - 1) for run in re.finditer("1+", f"{chosen:b}"[::-1]))
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def path(text: str) -> str:
    """Return an absolute path without a trailing slash and without repeated slashes."""
    return re.sub(r"/+", "/", text).rstrip("/") or "/" if text.startswith("/") else text


def stripped(text: str) -> str:
    """Return a text without surrounding whitespace."""
    return text.strip()


def address(text: str) -> str:
    """Return an IP address in the form of the `ipaddress` module, so that all spellings of IPv6 are equal."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class Scalar:
    """
    How values at one path are compared.

    Attributes:
        canonical: Returns the canonical spelling of a value.
        accepts: Returns, for two different canonical values (desired, actual), whether the actual value
            satisfies the desired value; None if it never does.
    """

    canonical: Canonical
    accepts: Callable[[str, str], bool] | None = None

    def is_satisfied_by(self, desired: str, actual: str) -> bool:
        """Return whether the actual value satisfies the desired one."""
        want, have = self.canonical(desired), self.canonical(actual)
        return want == have or (self.accepts is not None and self.accepts(want, have))


@dataclass(frozen=True, slots=True)
class Measure:
    """
    A size that consists of a value and a unit: `<memory unit="MiB">512</memory>`.

    Attributes:
        value: The place of the value: "" for the element's text, "@name" for an attribute.
        unit: The place of the unit, in the same form.
        default: The unit that applies if none is given.
        step: libvirt rounds the size up to a multiple of this number of bytes in definitions.
        start_step: libvirt rounds the size up to a multiple of this number of bytes when it starts the
            object; 0 means `step`.
    """

    value: str = ""
    unit: str = "@unit"
    default: str = "KiB"
    step: int = 1024
    start_step: int = 0

    def at_start(self) -> "Measure":
        """Return the measure for a running object."""
        return replace(self, step=self.start_step or self.step)

    def bytes(self, number: str, unit: str | None) -> int | None:
        """Return the size in bytes as libvirt rounds it; None if it is invalid."""
        size = size_bytes(number, unit or self.default)
        return None if size is None else -(-size // self.step) * self.step
