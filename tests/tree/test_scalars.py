"""The canonical spelling of values: each row is a value, and the value as libvirt writes it."""

import pytest

from kvmreconcile.tree import Effect, Measure
from kvmreconcile.tree import scalars as s

SPELLINGS = [
    (s.lower, " 52:54:00:AA:BB:CC", "52:54:00:aa:bb:cc"),
    (s.uuid, "81FF0D90C91E674264DA4A736EDB9A9B", "81ff0d90-c91e-6742-64da-4a736edb9a9b"),
    (s.uuid, "no uuid", "no uuid"),
    (s.number, "0x0a", "10"),
    (s.number, "010", "8"),
    (s.number, "12", "12"),
    (s.number, "any", "any"),
    (s.integer, " 007", "7"),
    (s.integer, "x7", "x7"),
    (s.octal, "711", "0711"),
    (s.octal, "00711", "0711"),
    (s.octal, "u=rw", "u=rw"),
    (s.hundredths, "2.1", "2.10"),
    (s.hundredths, "2", "2"),
    (s.bitmap, "0,1,2,^1", "0,2"),
    (s.bitmap, "3, 0-1,2", "0-3"),
    (s.bitmap, "1-x", "1-x"),
    (s.bitmap, "all", "all"),
    (s.path, "/a//b/", "/a/b"),
    (s.path, "/", "/"),
    (s.path, "a//b/", "a//b/"),
    (s.stripped, " x ", "x"),
    (s.address, "FD00:0::0001", "fd00::1"),
    (s.address, "host", "host"),
]


@pytest.mark.parametrize(("function", "given", "answered"), SPELLINGS)
def test_canonical_spelling_matches_libvirt(function: s.Canonical, given: str, answered: str) -> None:
    assert function(given) == answered
    assert function(answered) == answered


@pytest.mark.parametrize(
    ("number", "unit", "size"),
    [("1", "KiB", 1024), ("1", "KB", 1000), ("2", "g", 2 << 30), ("1", "miles", None), ("x", "b", None)],
)
def test_size_units_match_libvirt(number: str, unit: str, size: int | None) -> None:
    assert s.size_bytes(number, unit) == size


def test_sizes_are_rounded_up_as_in_libvirt() -> None:
    assert Measure().bytes("100", "MB") == 97657 * 1024
    assert Measure().bytes("4", None) == 4096
    assert Measure().bytes("some", None) is None


def test_effects_have_the_names_used_in_specs() -> None:
    assert [str(e) for e in Effect] == ["live", "next-boot", "restart", "replace", "data-loss"]
