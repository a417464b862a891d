"""
Convert values to libvirt's canonical spelling, and compare them.

A text that does not have the expected form is returned unchanged: libvirt decides what is valid.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address

Canonical = Callable[[str], str]

_NUMBER_OF_A_SET = re.compile("[0-9]{1,5}")
"""Upper limit on the length of a CPU or node number, as the size of the result grows with the number."""
_DIGITS = "[0-9]{1,20}"
"""libvirt's 64-bit numbers have at most 20 digits. Longer ones are unchanged, for libvirt to reject."""
_DECIMAL = re.compile(f"[+-]?{_DIGITS}")

_LETTERS = "BKMGTPE"
_UNITS = {"b": 1, "bytes": 1, "byte": 1, "k": 1 << 10, "kib": 1 << 10, "kb": 10**3}
for _power, _letter in enumerate("mgtpe", start=2):
    _UNITS |= {_letter: 1 << 10 * _power, f"{_letter}ib": 1 << 10 * _power, f"{_letter}b": 10 ** (3 * _power)}


def whole(text: str) -> int | None:
    """Return a decimal whole number, None for any other text and for more than 20 digits."""
    return int(text) if re.fullmatch(_DIGITS, text) else None


def size_bytes(number: str, unit: str) -> int | None:
    """
    Return a size in bytes, None if the number or the unit is invalid.

    Source: https://libvirt.org/formatdomain.html#memory-allocation (units "b", "KB", "KiB", … "EiB")
    """
    factor, count = _UNITS.get(unit.lower()), whole(number.strip())
    return count * factor if factor and count is not None else None


def print_size(size: int, *beside: int) -> str:
    """Return a size in the largest binary unit in which it, and each size that is shown beside it, is a whole number."""
    sizes, power = [each for each in (size, *beside) if each], 0
    while sizes and all(each % 1024 == 0 for each in sizes) and power < len(_LETTERS) - 1:
        sizes = [each // 1024 for each in sizes]
        power += 1
    return f"{size // 1024**power}{_LETTERS[power]}{'iB' if power else ''}"


def lower(text: str) -> str:
    """Return the text in lower case, as libvirt does with MAC addresses."""
    return text.strip().lower()


def uuid(text: str) -> str:
    """Return a UUID in lower case with its dashes in the usual places."""
    digits = re.sub(r"[\s-]", "", text).lower()
    if len(digits) != 32:
        return text
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def number(text: str) -> str:
    """Return a whole number, decimal, hexadecimal or octal ("0x0a", "010"), in decimal."""
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
    """Return a file's mode ("711", "00711") as an octal number that begins with 0, as libvirt does."""
    stripped = text.strip()
    return f"0{int(stripped, 8):03o}" if re.fullmatch("[0-7]{1,12}", stripped) else text


def hundredths(text: str) -> str:
    """Return a version of two parts with two digits behind the point ("2.1" is "2.10")."""
    major, point, minor = text.strip().partition(".")
    return f"{major}.{minor:0<2}" if point else text


def bitmap(text: str) -> str:
    """
    Return a set of numbers ("0,1,2,^1") as libvirt does ("0,2"; runs as "0-3").

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
    """Return a file path without a slash at its end and without doubled slashes."""
    return re.sub(r"/+", "/", text).rstrip("/") or "/" if text.startswith("/") else text


def stripped(text: str) -> str:
    """Return a single word without blanks around it."""
    return text.strip()


def address(text: str) -> str:
    """Return an IP address as the `ipaddress` module does, so that every form of IPv6 compares."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class Scalar:
    """
    How values at one path are compared.

    `accepts` returns for different canonical values (desired, actual) whether the actual one satisfies the desired one
    all the same.
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

    `value` and `unit` are "" for the element's text or "@name" for an attribute. libvirt rounds the size up to a
    multiple of `step` bytes in definitions, and of `start_step` bytes when it starts the object.
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
        """Return the size in bytes as libvirt rounds it, None if it is invalid."""
        size = size_bytes(number, unit or self.default)
        return None if size is None else -(-size // self.step) * self.step
