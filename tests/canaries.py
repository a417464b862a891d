"""
Documents with a unique value at every place of a secret, and the search for those values.

The places are read from the tables of kinds and from their models, so that a new row or field is covered
or, if no definition here shows it, fails.
"""

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.source.fields import fields, is_secret, models
from kvmreconcile.tree import Node, parse, paths, to_xml
from kvmreconcile.tree.paths import at, under

MARK = "Zq7x"
"""The prefix of every canary; no other text that the tests search has it."""
SHORT = 8
"""The longest password of VNC."""
_ODD = "'&<\"é"
"""Characters that XML, YAML, JSON and terminals escape differently."""

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
DEFINITIONS: Mapping[str, str] = {
    "Domain": f"""\
<domain type='test' xmlns:qemu='{QEMU}'>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <sysinfo type='smbios'>
    <system><entry name='serial'>-</entry></system>
    <oemStrings><entry>-</entry></oemStrings>
  </sysinfo>
  <sysinfo type='fwcfg'><entry name='opt/com.example/key'>-</entry></sysinfo>
  <devices>
    <disk type='network' device='cdrom'>
      <source protocol='https' name='image.iso' query='-'>
        <host name='example.org' port='443'/>
        <cookies><cookie name='session'>-</cookie></cookies>
      </source>
      <target dev='sda' bus='sata'/>
    </disk>
    <disk type='network' device='disk'>
      <auth username='me'><secret type='ceph' usage='-'/></auth>
      <source protocol='rbd' name='pool/image'><host name='example.org'/></source>
      <target dev='vda' bus='virtio'/>
    </disk>
    <graphics type='vnc' port='-1' passwd='-'/>
  </devices>
  <launchSecurity type='sev'><cbitpos>47</cbitpos><reducedPhysBits>1</reducedPhysBits>
    <policy>0x0001</policy><session>-</session></launchSecurity>
  <qemu:commandline><qemu:arg value='-'/><qemu:env name='TOKEN' value='-'/></qemu:commandline>
  <qemu:override><qemu:device alias='ua-a'><qemu:frontend>
    <qemu:property name='key' type='string' value='-'/></qemu:frontend></qemu:device></qemu:override>
</domain>""",
    "Network": "<network/>",
    "StoragePool": """\
<pool type='netfs' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'
    xmlns:rbd='http://libvirt.org/schemas/storagepool/rbd/1.0'>
  <source>
    <host name='example.org'/><dir path='/srv'/><format type='cifs'/>
    <auth type='ceph' username='me'><secret usage='-'/></auth>
  </source>
  <target><path>/srv/images</path></target>
  <fs:mount_opts><fs:option name='-'/></fs:mount_opts>
  <rbd:config_opts><rbd:option name='key' value='-'/></rbd:config_opts>
</pool>""",
    "Volume": "<volume/>",
}
"""Definitions with every place of a row, by kind; they need not be valid as a whole."""

BARE: Mapping[str, str] = {
    "Domain": "<domain type='test'><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os></domain>",
    "Network": "<network><domain name='plain'/></network>",
    "StoragePool": "<pool type='netfs'><source><host name='example.org'/><dir path='/srv'/></source>"
    "<target><path>/srv/images</path></target></pool>",
    "Volume": "<volume><capacity unit='MiB'>1</capacity></volume>",
}
"""Definitions without anything secret."""
CALLED_SECRET: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Domain": (
        """\
<domain type='test'>
  <memory unit='MiB'>64</memory>
  <description>-</description>
  <metadata><a:app xmlns:a='urn:a' key='-'><a:token>-</a:token></a:app></metadata>
  <os><type arch='x86_64'>hvm</type><kernel>/boot/vmlinuz</kernel><cmdline>-</cmdline></os>
  <devices><serial type='dev'><source path='-'/><target port='0'/></serial></devices>
</domain>""",
        ("os/cmdline", "description", "metadata", "devices/serial/source"),
    ),
    "Network": (
        "<network><dns><txt name='token' value='-'/></dns><domain name='-'/></network>",
        ("dns/txt/@value", "domain"),
    ),
    "StoragePool": (
        """\
<pool type='netfs'>
  <source>
    <host name='example.org'/><dir path='/srv'/>
    <auth type='ceph' username='-'><secret uuid='2ec115d7-3a88-3ceb-bc12-0ac909a6fd87'/></auth>
  </source>
  <target><path>/srv/called</path></target>
</pool>""",
        ("source/auth",),
    ),
    "Volume": (
        """\
<volume>
  <capacity unit='MiB'>1</capacity>
  <target><permissions><label>-</label></permissions></target>
</volume>""",
        ("target/permissions/label",),
    ),
}
"""XML of a spec of each kind at paths that the spec declares secret, and the paths."""
FIELDS: Mapping[str, str] = {
    "Domain": """\
graphics: [{type: vnc, password: "-"}, {type: spice, password: "-"}]
launchSecurity: {type: sev, policy: "0x0001", cbitpos: 47, reducedPhysBits: 1, session: "-"}
"""
}
"""Fields of specs by kind, with every field whose value is secret."""

Plain = dict[str, object]


@dataclass
class Planter:
    """
    Creates unique canaries.

    Attributes:
        is_odd: Whether they end with characters that libvirt rejects in some places.
        was: The created canaries by place.
    """

    is_odd: bool = False
    was: dict[str, str] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=count)

    def plant(self, where: str) -> str:
        """Return a new canary for a place."""
        made = f"{MARK}{next(self.numbers):03}"
        is_short = where.endswith(("passwd", "password"))
        made += _ODD if self.is_odd and not is_short else ""
        self.was[made] = where
        return made

    def in_xml(self, xml: str) -> str:
        """Return a definition with a canary in place of each "-"."""
        return to_xml(self.in_tree(parse(xml)))

    def in_fields_of(self, text: str) -> Plain:
        """Return fields with a canary in place of each "-"."""
        return {name: self.in_fields(value, name) for name, value in yaml.safe_load(text).items()}

    def in_tree(self, tree: Node, path: str = "") -> Node:
        """Return a tree with a canary in place of each "-"."""
        attrs = tuple((n, self.plant(at(path, n)) if v == "-" else v) for n, v in tree.attrs)
        text = self.plant(path) if tree.text == "-" else tree.text
        children = tuple(self.in_tree(c, under(path, c.tag)) for c in tree.children)
        return replace(tree, attrs=attrs, text=text, children=children)

    def in_fields(self, value: object, path: str = "") -> object:
        """Return fields with a canary in place of each "-"."""
        match value:
            case dict():
                return {k: self.in_fields(v, f"{path}.{k}".lstrip(".")) for k, v in value.items()}
            case list():
                return [self.in_fields(v, path) for v in value]
            case "-":
                return self.plant(path)
        return value


def secret_fields(kind: Kind) -> Iterator[str]:
    """Yield the path of every field of a kind's spec whose value is secret."""
    yield from _secret_fields(kind.spec, ())


def _secret_fields(model: type[BaseModel], above: tuple[type[BaseModel], ...]) -> Iterator[str]:
    for name, info in fields(model).items():
        if is_secret(info):
            yield name
        for inner in models(info.annotation):
            if inner not in above:
                yield from (f"{name}.{rest}" for rest in _secret_fields(inner, (*above, model)))


def secret_places(kind: Kind) -> dict[str, bool]:
    """Return for each row of a kind's table of secrets whether the definition has a canary there."""
    planter = Planter()
    planter.in_xml(DEFINITIONS[kind.name])
    return {
        row: any(place in paths(row) for place in planter.was.values()) for row, _ in kind.rules.secrets.rows
    }


def documents(kind: Kind, planter: Planter) -> dict[str, str]:
    """Return documents of a kind with new canaries at every place of a secret, by their names."""
    name = kind.name
    called, paths_ = CALLED_SECRET[name]
    specs: dict[str, Plain] = {
        "called": {"xml": planter.in_xml(called), "secret": list(paths_)},
        "fields": {**planter.in_fields_of(FIELDS.get(name, "{}")), "xml": BARE[name]},
    }
    # A kind without secret rows or fields has no such document.
    if kind.rules.secrets.rows:
        specs["rows"] = {"xml": planter.in_xml(DEFINITIONS[name])}
    if name not in FIELDS:
        del specs["fields"]
    return {each: _document(kind, each, spec) for each, spec in specs.items()}


def bare(kind: Kind) -> dict[str, str]:
    """Return the same documents without secrets and without secret paths."""
    found = BARE[kind.name]
    # No two pools have one directory.
    return {
        name: _document(kind, name, {"xml": found.replace("/srv/images", f"/srv/{name}")})
        for name in documents(kind, Planter())
    }


def _document(kind: Kind, name: str, spec: Plain) -> str:
    power = {} if kind.name == "Volume" else {"state": "stopped"}
    pool = {"pool": "default-pool"} if kind.name == "Volume" else {}
    rest = {"checkSchema": False, "update": {"maxEffect": "data-loss"}}
    whole = {
        "apiVersion": "kvmreconcile/v1",
        "kind": kind.name,
        "metadata": {"name": f"canary-{name}"},
        "spec": {**spec, **power, **pool, **rest},
    }
    return yaml.safe_dump(whole, allow_unicode=True, sort_keys=False)


def found(text: str | bytes) -> set[str]:
    """Return the canaries in a text, each with its context."""
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return {hit[0] for hit in re.finditer(rf".{{0,40}}{MARK}.{{0,12}}", plain)}


def written(directory: Path) -> dict[str, set[str]]:
    """Return the canaries in the files below a directory, by file."""
    files = [file for file in sorted(directory.rglob("*")) if file.is_file()]
    return {str(file): hits for file in files if (hits := found(file.read_bytes()))}


@dataclass
class Witness:
    """
    Repeatedly reads the command lines and environments of all descendants of a process.

    Attributes:
        seen: The names of the programs that were found.
        hits: The canaries that were found.
    """

    root: int
    seen: set[str] = field(default_factory=set)
    hits: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._thread.join()

    def _watch(self) -> None:
        own = _read(self.root, "cmdline")
        while not self.over.is_set():
            for pid in _descendants(self.root):
                # In this order, because a program may be executed between two reads, and has another environment.
                command, environment, name = (_read(pid, each) for each in ("cmdline", "environ", "comm"))
                self.hits |= {f"cmdline: {hit}" for hit in found(command)}
                # One that was forked and runs nothing of its own yet is still the daemon.
                if command != own:
                    self.hits |= {f"environ of {command!r}: {hit}" for hit in found(environment)}
                    self.seen.add(name.decode().strip())
            time.sleep(0.002)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    known = {root}
    while more := {pid for pid, parent in parents.items() if parent in known} - known:
        known |= more
    return sorted(known)
