"""Find components, files and network devices that a domain requires and the host lacks."""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.host.files import Files
from kvmreconcile.host.identity import is_here
from kvmreconcile.host.net_devices import has_net_device
from kvmreconcile.kinds.domain.devices.filesystem import VIRTIOFSD, needs_virtiofsd
from kvmreconcile.kinds.domain.host_parts import (
    is_missing,
    needed,
    needed_files,
    needed_links,
)
from kvmreconcile.model import Obstacle
from kvmreconcile.tree import Node, parse

DATA = Path("/usr/share/qemu")
"""QEMU's data directory, with vhost-user descriptions. It is read only on a local host that has QEMU."""
ADDED = Path("/etc/qemu")
"""QEMU's configuration directory, with the administrator's descriptions."""
HOOKS = (Path("/etc/libvirt/hooks/qemu"), Path("/etc/libvirt/hooks/qemu.d"))
"""Programs that libvirt runs before it starts a domain (https://libvirt.org/hooks.html)."""
_Question = tuple[str | None, str | None, str | None, str | None]
_NOTHING = Node("domainCapabilities")


class HostParts:
    """The components, files and network devices of one host. Each libvirt call is made only once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._capabilities: dict[_Question, Node] = {}
        self._links: dict[str, bool | None] = {}
        self._files = Files()

    def lacks(self, domain: Node, *, runs: bool) -> Iterator[Obstacle]:
        """
        Yield why a definition cannot be stored on this host, or why the domain cannot be started.

        Args:
            runs: Whether the domain should run. If not, files and network devices are not checked.
        """
        missing = (part for part in needed(domain) if is_missing(part, self._of(domain)))
        yield from dict.fromkeys(part.obstacle for part in missing)
        if needs_virtiofsd(domain) and is_here(self._connection.uri) and is_virtiofsd_missing():
            yield VIRTIOFSD
        if runs and self._is_known:
            yield from self._lacks_files(domain)
            yield from self._lacks_links(domain)

    @cached_property
    def _is_known(self) -> bool:
        """Whether this process sees libvirt's files and devices, and no libvirt hook can create more of them."""
        is_ours = is_here(self._connection.uri) and self._connection.is_qemu()
        return is_ours and not any(map(_may_exist, HOOKS))

    def _lacks_files(self, domain: Node) -> Iterator[Obstacle]:
        for file, what in needed_files(domain):
            if self._files.lacks(Path(file)):
                why = f"its {what} {file} does not exist"
                todo = "create the file, mount its file system, or correct the path"
                yield Obstacle(why, todo, file, is_certain=False)

    def _lacks_links(self, domain: Node) -> Iterator[Obstacle]:
        for device, what in needed_links(domain):
            if device not in self._links:
                self._links[device] = has_net_device(self._connection.virt, device)
            if self._links[device] is False:
                why, todo = (
                    f"the host has no {what} {device}",
                    f"create it, or correct the name of the {what}",
                )
                yield Obstacle(why, todo, is_certain=False)

    def _of(self, domain: Node) -> Node:
        """Return the domain capabilities for this type and machine; empty if libvirt does not report any."""
        machine = domain.find("os/type")
        question = (
            domain.get("devices/emulator"),
            machine.attr("arch") if machine else None,
            machine.attr("machine") if machine else None,
            domain.attr("type"),
        )
        if question not in self._capabilities:
            self._capabilities[question] = self._ask(question)
        return self._capabilities[question]

    def _ask(self, question: _Question) -> Node:
        try:
            with translated("domain capabilities"):
                return parse(self._connection.virt.getDomainCapabilities(*question))
        except HostError:
            return _NOTHING


def _may_exist(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def is_virtiofsd_missing(data: Path = DATA, added: Path = ADDED) -> bool:
    """
    Return whether this machine has QEMU but no vhost-user description of virtiofsd.

    libvirt finds virtiofsd through such a description.

    Args:
        data: QEMU's data directory, which contains the directory `vhost-user` with descriptions.
        added: QEMU's configuration directory, with the administrator's descriptions.

    Source: docs/interop/vhost-user.json of QEMU; qemuVhostUserFetchConfigs of libvirt.
    """
    if not data.is_dir():
        return False
    files = (f for place in (data, added) for f in sorted((place / "vhost-user").glob("*.json")))
    return not any(map(_is_of_file_systems, files))


def _is_of_file_systems(file: Path) -> bool:
    try:
        return bool(json.loads(file.read_text()).get("type") == "fs")
    except (OSError, ValueError, AttributeError):
        # libvirt's parser may accept it.
        return True
