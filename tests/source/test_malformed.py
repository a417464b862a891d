"""
Malformed specs, one table a file in malformed/: what a person wrote, and what is said about it.

A case is its name, the text, and after "=> " each problem from its line on, then what follows for the host.
`--regenerate` writes the tables anew; read the diff, and run again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.source.load import Loaded, load

TABLES = Path(__file__).parent / "malformed"
BY_NAME = {kind.name: kind for kind in KINDS}
GOOD = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: NAME}\nspec: {}\n"
DOMAIN = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: web}\nspec:\n"
NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec:\n"

ADVICE = re.compile(
    r"add|write|remove|quote|close|see|did you mean|known are|keep|put|save|split|delete|indent|start|move|mend"
    r"|flatten|define|give|take|it belongs"
)
"""How what to do begins."""


@dataclass(frozen=True)
class Case:
    table: str
    name: str
    content: bytes
    says: str
    is_text: bool = True

    def __str__(self) -> str:
        return f"{self.table}-{self.name}"


def read_table(path: Path) -> Iterator[Case]:
    for part in path.read_text().split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        text, _, says = rest.partition("=> ")
        yield Case(path.stem, name, text.encode(), f"=> {says.strip()}\n" if says else "")


@pytest.fixture(scope="module", autouse=True)
def _tables(tmp_path_factory: pytest.TempPathFactory, *, regenerate: bool) -> None:
    for path in sorted(TABLES.glob("*.txt")) if regenerate else ():
        parts = []
        for case in read_table(path):
            directory = tmp_path_factory.mktemp("case")
            parts.append(
                f"=== {case.name}\n{case.content.decode()}{told(load_case(case, directory), directory)}"
            )
        path.write_text("\n".join(parts))


def unreadable_cases() -> Iterator[Case]:
    """Yield what is no text, so that nothing else in the file can be read."""
    for name, content, says in (
        ("utf_16", b"\xff\xfea\0:\0", "1:1: the file is UTF-16; save it as UTF-8"),
        ("utf_16_big_endian", b"\xfe\xff\0a", "1:1: the file is UTF-16; save it as UTF-8"),
        ("utf_32", GOOD.encode("utf-32"), "1:1: the file is UTF-32; save it as UTF-8"),
        ("binary", b"\x7fELF\x01\0\0\0", "1:6: the file holds a NUL byte, so it is not text; save it as UTF-8 text or remove it"),
        ("nul", b"kind: Network\nmeta\0data: {}\n", "2:5: the file holds a NUL byte, so it is not text; save it as UTF-8 text or remove it"),
        ("latin_1", b"# B\xfccher\nkind: Network\n", "1:4: byte 0xfc is not UTF-8; save the file as UTF-8"),
        ("latin_1_after_lines_of_windows", b"a: 1\r\nb: 2\r\nc: \xe9\r\n", "3:4: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("terminal_escape", b"kind: \x1b[31mNetwork\n", '1:7: the character U+001B is not allowed; delete it, or write it as "\\u001B" inside double quotes'),
        ("line_separator", "kind: Network\nname: a\u2028b\n".encode(), '2:8: the character U+2028 is not allowed; delete it, or write it as "\\u2028" inside double quotes'),
        ("empty", b"", "1:1: the file is empty; write its spec, or remove it"),
        ("larger_than_a_mebibyte", b"# filler\n" * 130_000, "1:1: the file is larger than 1 MiB; split it into several files"),
    ):  # fmt: skip
        yield Case("unreadable", name, content, f"=> {says}\n=> forbids pruning\n", is_text=False)


def made_cases() -> Iterator[Case]:
    """Yield what is too long for a table, or depends on the kinds there are."""
    attributes = " ".join(f"a{n}=''" for n in range(65))
    tens = [f"  {b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)]
    for name, content, says in (
        ("kind_unheard_of", GOOD.replace("Network", "Deployment").encode(), f"2:7: Deployment/NAME: unknown kind 'Deployment'; known are: {', '.join(BY_NAME)}"),
        ("nested_too_deep", f"{NETWORK}  devices: {'[' * 70}{']' * 70}\n".encode(), "5:74: Network/lan: values are nested more than 64 deep; flatten them"),
        ("nested_a_hundred_thousand_deep", b"[" * 100_000, "1:65: values are nested more than 64 deep; flatten them"),
        ("aliases_too_many", f"{NETWORK}  xml: &a x\n  devices: [{', '.join(['*a'] * 101)}]\n".encode(), "6:413: Network/lan: there are more than 100 aliases; write the values out"),
        ("aliases_explode", f"{NETWORK}  a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n{''.join(tens)}".encode(), "8:6: Network/lan: there are more than 100,000 values; split the document"),
        ("values_too_many", f"{NETWORK}  devices: [{', '.join(['[' + '0,' * 3999 + '0]'] * 26)}]\n".encode(), "5:200018: Network/lan: there are more than 100,000 values; split the document"),
        ("entries_too_many", f"{NETWORK}  devices: [{'0,' * 4096}0]\n".encode(), "5:12: Network/lan: a list or mapping has more than 4,096 entries; split it"),
        ("number_of_thousands_of_digits", f"{NETWORK}  mtu: {'9' * 5000}\n".encode(), "5:8: Network/lan: a number has at most 20 digits; quote it if it is no number"),
        ("hexadecimal_number_of_thousands_of_digits", f"{DOMAIN}  memory: 1GiB\n  vcpus: 0x{'f' * 3600}\n".encode(), "6:10: Domain/web: a number has at most 20 digits; quote it if it is no number"),
        ("processors_too_many", f"{DOMAIN}  memory: 1GiB\n  vcpus: 4097\n".encode(), "6:10: Domain/web: spec.vcpus should be at most 4096; see 'kvmreconcile explain Domain.spec.vcpus'"),
        ("iothreads_too_many", f"{DOMAIN}  memory: 1GiB\n  iothreads: 100000000\n".encode(), "6:14: Domain/web: spec.iothreads should be at most 1024; see 'kvmreconcile explain Domain.spec.iothreads'"),
        ("size_of_thousands_of_digits", f"{DOMAIN}  memory: {'9' * 5000}GiB\n".encode(), "5:11: Domain/web: spec.memory: a size has at most 20 digits; see 'kvmreconcile explain Domain.spec.memory'"),
        ("xml_of_too_many_elements", f"{DOMAIN}  xml: <domain>{'<a/>' * 10_000}</domain>\n".encode(), "5:8: Domain/web: xml: there are more than 10,000 elements; remove some"),
        ("xml_of_too_many_attributes", f"{DOMAIN}  xml: <domain {attributes}/>\n".encode(), "5:8: Domain/web: xml: there are more than 64 attributes on one element; remove some"),
        ("xml_that_is_too_deep", f"{DOMAIN}  xml: {'<domain>' * 65}{'</domain>' * 65}\n".encode(), "5:8: Domain/web: xml: there are more than 64 elements inside one another; remove some"),
        ("name_of_thousands_of_letters", GOOD.replace("NAME", "a" * 3000).encode(), f"3:18: Network/{'a' * 69}...: metadata.name should have at most 255 characters; see 'kvmreconcile explain Network.metadata.name'"),
    ):  # fmt: skip
        yield Case("made", name, content, f"=> {says}\n")


CASES = [
    *(case for path in sorted(TABLES.glob("*.txt")) for case in read_table(path)),
    *unreadable_cases(),
    *made_cases(),
]


def load_case(case: Case, directory: Path) -> Loaded:
    """Load a case with good documents around it: one after it in its file, where its bytes are text, and a file."""
    bad, good = directory / "bad.yaml", directory / "good.yaml"
    after = b"" if not case.is_text else f"\n---\n{GOOD.replace('NAME', 'after')}".encode()
    bad.write_bytes(case.content + after)
    good.write_text(GOOD.replace("NAME", "beside"))
    return load([directory], BY_NAME, "test")


def told(loaded: Loaded, directory: Path) -> str:
    lines = [str(p).replace(f"{directory}/bad.yaml:", "") for p in loaded.problems]
    lines += [f"freezes {key}" for key in sorted(loaded.frozen)]
    lines += [] if loaded.complete else ["forbids pruning"]
    return "".join(f"=> {line}\n" for line in lines)


def test_there_are_more_than_a_hundred() -> None:
    print(f"{len(CASES)} malformed inputs")
    assert len(CASES) > 100
    assert len({str(case) for case in CASES}) == len(CASES)


FAULTS = {
    "made-hexadecimal_number_of_thousands_of_digits": "18",
    "made-processors_too_many": "18",
    "made-iothreads_too_many": "19",
    "made-xml_of_too_many_elements": "20",
    "made-xml_of_too_many_attributes": "20",
    "made-size_of_thousands_of_digits": "26c",
    "unreadable-utf_32": "26f",
}
"""Faults that were found on real hosts, by the case that shows each."""
MARKED = [
    pytest.param(
        case, marks=[pytest.mark.case(FAULTS[str(case)])] if str(case) in FAULTS else [], id=str(case)
    )
    for case in CASES
]


@pytest.mark.parametrize("case", MARKED)
def test_malformed(case: Case, tmp_path: Path) -> None:
    loaded = load_case(case, tmp_path)

    said = told(loaded, tmp_path)
    assert said.startswith(case.says) if case.table == "made" else said == case.says
    assert loaded.problems
    for problem in loaded.problems:
        assert re.search(r"/bad\.yaml:\d+:\d+$", problem.where)
        assert ADVICE.match(problem.todo), f"what to do is not told: {problem}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_malformed_spares_the_good_documents_beside_it(case: Case, tmp_path: Path) -> None:
    loaded = load_case(case, tmp_path)

    good = {"after", "beside"} if case.is_text else {"beside"}
    assert {key.name for key in loaded.desired} == good
    assert {document.name for document in loaded.documents} == good
    assert loaded.frozen or not loaded.complete
