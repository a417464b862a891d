"""List documents that are not text, too long or too deep, or that refer to files."""

import re
from pathlib import Path

from tests.beside import GOOD, describe_problems, load_beside
from tests.hostile.row import Row

DOMAIN = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: web}\nspec:\n"
NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec:\n"
_MIB = 1 << 20
_ATTRIBUTES = " ".join(f"a{n}=''" for n in range(65))
_PREFIXES = " ".join(f"xmlns:a{n}='urn:{n}'" for n in range(20_000))
_TENS = "".join(
    f"  {b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
)
_LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))


def _spec(line: str) -> bytes:
    return f"{DOMAIN}  {line}\n".encode()


def _xml(text: str) -> bytes:
    return f"{DOMAIN}  xml: |\n    {text}\n".encode()


# A file that is no text is read up to the first error; the rest of the file is not read.
BYTES = (
    Row("utf 16", b"\xff\xfea\0:\0", "1:1: the file is UTF-16; save the file as UTF-8"),
    Row("utf 16 big endian", b"\xfe\xff\0a", "1:1: the file is UTF-16; save the file as UTF-8"),
    Row("utf 32", GOOD.encode("utf-32"), "1:1: the file is UTF-32; save the file as UTF-8", "26f"),
    Row("binary", b"\x7fELF\x01\0\0\0", "1:6: the file contains a NUL byte; save the file as UTF-8 without NUL bytes, or remove the file"),
    Row("nul", b"kind: Network\nmeta\0data: {}\n", "2:5: the file contains a NUL byte; save the file as UTF-8 without NUL bytes, or remove the file"),
    Row("latin 1", b"# B\xfccher\nkind: Network\n", "1:4: byte 0xfc is not UTF-8; encode the text as UTF-8"),
    Row("latin 1 behind a byte order mark", b"\xef\xbb\xbfa: 1\nb: \xe9\n", "2:4: byte 0xe9 is not UTF-8; encode the text as UTF-8"),
    Row("latin 1 after lines of windows", b"a: 1\r\nb: 2\r\nc: \xe9\r\n", "3:4: byte 0xe9 is not UTF-8; encode the text as UTF-8"),
    Row("terminal escape", b"kind: \x1b[31mNetwork\n", "1:7: the character U+001B is not allowed; delete it"),
    Row("line separator", "kind: Network\nname: a\u2028b\n".encode(), '2:8: the character U+2028 is not allowed; delete it, or write it as "\\u2028" inside double quotes'),
    Row("empty", b"", "1:1: the file is empty; write a spec into the file, or remove the file"),
    Row("larger than a mebibyte", b"# filler\n" * 130_000, "1:1: the file is larger than 1 MiB; remove what is not needed, split the specs into several files, or, in a directory, list files with other data in .kvmreconcileignore"),
)  # fmt: skip

TEXTS = (
    Row("nested too deep", f"{NETWORK}  devices: {'[' * 70}{']' * 70}\n".encode(), "5:74: Network/lan: values are nested more than 64 deep; reduce the nesting"),
    Row("nested a hundred thousand deep", b"[" * 100_000, "1:65: values are nested more than 64 deep; reduce the nesting"),
    Row("aliases too many", f"{NETWORK}  xml: &a x\n  devices: [{', '.join(['*a'] * 101)}]\n".encode(), "6:413: Network/lan: there are more than 100 aliases; write the values without aliases"),
    Row("aliases explode", f"{NETWORK}  a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n{_TENS}".encode(), "8:6: Network/lan: there are more than 100,000 values and field names, including values of aliases; reduce their number"),
    Row("values too many", f"{NETWORK}  devices: [{', '.join(['[' + '0,' * 3999 + '0]'] * 26)}]\n".encode(), "5:200018: Network/lan: there are more than 100,000 values and field names, including values of aliases; reduce their number"),
    Row("entries too many", f"{NETWORK}  devices: [{'0,' * 4096}0]\n".encode(), "5:12: Network/lan: a list or mapping has more than 4,096 entries; write fewer entries"),
    Row("number of thousands of digits", f"{NETWORK}  mtu: {'9' * 5000}\n".encode(), "5:8: Network/lan: the number has more than 23 characters; shorten the number, or quote the value if it is text"),
    Row("hexadecimal number of thousands of digits", f"{DOMAIN}  memory: 1GiB\n  vcpus: 0x{'f' * 3600}\n".encode(), "6:10: Domain/web: the number has more than 23 characters; shorten the number, or quote the value if it is text", "18"),
    Row("processors too many", f"{DOMAIN}  memory: 1GiB\n  vcpus: 4097\n".encode(), "6:10: Domain/web: spec.vcpus should be at most 4096; see 'kvmreconcile explain Domain.spec.vcpus'", "18"),
    Row("iothreads too many", f"{DOMAIN}  memory: 1GiB\n  iothreads: 100000000\n".encode(), "6:14: Domain/web: spec.iothreads should be at most 1024; see 'kvmreconcile explain Domain.spec.iothreads'", "19"),
    Row("size of thousands of digits", f"{DOMAIN}  memory: {'9' * 5000}GiB\n".encode(), "5:11: Domain/web: spec.memory: a size has at most 20 digits; see 'kvmreconcile explain Domain.spec.memory'", "26c"),
    Row("xml of too many elements", f"{DOMAIN}  xml: <domain>{'<a/>' * 10_000}</domain>\n".encode(), "5:8: Domain/web: xml: there are more than 10,000 elements; reduce their number", "20"),
    Row("xml of too many attributes", f"{DOMAIN}  xml: <domain {_ATTRIBUTES}/>\n".encode(), "5:8: Domain/web: xml: there are more than 64 attributes on one element; reduce their number", "20"),
    Row("xml that is too deep", f"{DOMAIN}  xml: {'<domain>' * 65}{'</domain>' * 65}\n".encode(), "5:8: Domain/web: xml: there are more than 64 levels of elements; reduce their number"),
    Row("name of thousands of letters", GOOD.replace("NAME", "a" * 3000).encode(), f"3:18: Network/{'a' * 69}...: metadata.name should have at most 255 characters; see 'kvmreconcile explain Network.metadata.name'"),
    Row("xml entities that explode", _xml(f"<!DOCTYPE a [<!ENTITY l0 'ha'>{_LAUGHS}]><domain><name>&l11;</name></domain>"), "xml: the XML cannot be parsed (resource limit)"),
    Row("xml entity of a file", _xml("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><name>&x;</name></domain>"), "xml: a document type is not allowed"),
    Row("xml entity of another host", _xml("<!DOCTYPE a SYSTEM 'http://192.0.2.1/a.dtd'><domain/>"), "xml: a document type is not allowed"),
    Row("xml that includes a file", _xml("<domain xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='/etc/passwd' parse='text'/></domain>"), ""),
    Row("xml with a stylesheet", _xml("<?xml-stylesheet href='/etc/passwd'?><domain/>"), ""),
    Row("xml of too many prefixes", _xml(f"<domain {_PREFIXES}/>"), ""),
    Row("xml of comments", _xml(f"<domain>{'<!---->' * 100_000}</domain>"), ""),
    Row("xml of instructions", _xml(f"<domain>{'<?a?>' * 100_000}</domain>"), ""),
    Row("xml deeper than its library reads", _xml(f"{'<a>' * 5000}"), "xml: the XML cannot be parsed (resource limit)"),
    Row("xml of one long name", _xml(f"<{'a' * 900_000}/>"), "xml: the XML cannot be parsed (name too long)"),
    Row("xml of one long text", _xml(f"<domain><name>{'a' * 900_000}</name></domain>"), 'xml: has the <name> "aaa'),
    Row("xml in another encoding", _xml("<?xml version='1.0' encoding='UTF-16'?><domain/>"), "xml: the XML cannot be parsed"),
    Row("xml of a NUL", _spec('xml: "<domain>\\0</domain>"'), "the character U+0000 is not allowed"),
    Row("object of Python", _spec("memory: !!python/object/apply:os.system [id]"), "this tag is not allowed"),
    Row("alias to itself", _spec("disks: &a [*a]"), "the alias refers to the value that contains it"),
    Row("merge key", _spec("<<: {memory: 1GiB}"), "merge keys ('<<') are not supported"),
    Row("key that is a mapping", _spec("? {a: 1}\n  : 2"), "a field's name must be text"),
    Row("key twice", _spec("memory: 1GiB\n  memory: 2GiB"), "field 'memory' is set twice"),
    Row("documents by the hundred thousand", b"---\n" * 200_000, ""),
    Row("one long line", _spec(f"description: {'a' * 900_000}"), 'set "memory"'),
    Row("quotes by the hundred thousand", _spec("description: '" + "''" * 450_000), "the quote that opens here is not closed in this document"),
    Row("anchors by the hundred thousand", _spec(f"disks: [{', '.join(f'&a{n} 1' for n in range(60_000))}]"), "a list or mapping has more than 4,096 entries"),
    Row("unknown fields by the thousand", _spec("\n  ".join(f"f{n}: 1" for n in range(4000))), "unknown field 'f3999'"),
    Row("name that leads out", GOOD.replace("NAME", "../../etc/passwd").encode(), 'a name must not contain "/"'),
    Row("name of a terminal", GOOD.replace("NAME", '"a\\e[31m"').encode(), "the character U+001B is not allowed"),
    Row("name that runs from right to left", GOOD.replace("NAME", "a\u202eb").encode(), ""),
    Row("window that never comes", _spec("update: {windows: ['Feb 30 02:00 +2h']}"), "the time at which the window opens is missing or not valid"),
    Row("window of a thousand years", _spec("update: {windows: ['Sun 02:00 +9999999h']}"), "from 1min to 31d"),
)  # fmt: skip
ROWS = (*BYTES, *TEXTS)


def answer(row: Row[bytes], directory: Path) -> str:
    """Load a document beside valid ones, which it must not affect, and return its problems."""
    is_text = row in TEXTS
    loaded = load_beside(row.make, directory, is_text=is_text)
    names = {key.name for key in loaded.desired}
    assert {"after", "beside"} <= names if is_text else names == {"beside"}
    assert not loaded.crashes
    for problem in loaded.problems:
        assert re.search(r"/bad\.yaml:\d+:\d+$", problem.where)
        assert problem.todo
    assert not loaded.problems or loaded.frozen or not loaded.complete
    return describe_problems(loaded, directory) if loaded.problems else ""
