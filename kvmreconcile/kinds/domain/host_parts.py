"""
Components, files and network devices that domains require on the host.

A component is missing if libvirt's domain capabilities do not list it. libvirt 9.0.0 and 11.3.0 probe for
components at each call, so no daemon restart is needed after an installation (measured). libvirt lists
egl-headless and passt even if they are not installed, so they are not checked. Pure.
Source: https://libvirt.org/formatdomaincaps.html
"""

from collections.abc import Iterator

from kvmreconcile.kinds.domain.section import HostPart
from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.tree import Node

PARTS = tuple(part for section in SECTIONS for part in section.host_parts)
FILES = tuple(
    sorted(
        (file for section in SECTIONS for file in section.files),
        key=lambda file: not file.element.startswith("devices/"),
    )
)
"""Components of devices come first: they are missing most often."""

LINKS = tuple(link for section in SECTIONS for link in section.links)


def needed_files(domain: Node) -> Iterator[tuple[str, str]]:
    """Yield the files that a domain requires at its start, each with a description."""
    for needed_file in FILES:
        for each in domain.all(needed_file.element):
            file, policy = each.get(needed_file.where), each.get("source/@startupPolicy")
            if file and file.startswith("/") and policy not in {"optional", "requisite"}:
                yield file, needed_file.what


def needed_links(domain: Node) -> Iterator[tuple[str, str]]:
    """Yield the host's network devices that interfaces are connected to, each with a description."""
    for interface in domain.all("devices/interface"):
        for link in LINKS:
            device = interface.get(link.where) if interface.attr("type") == link.type else None
            if device:
                yield device, link.what


def needed(domain: Node) -> Iterator[HostPart]:
    """Yield the components that a definition requires."""
    for part in PARTS:
        elements, _, attribute = part.where.rpartition("/@")
        if any(e.attr(attribute) == part.value for e in domain.all(elements)):
            yield part


def is_missing(part: HostPart, capabilities: Node) -> bool:
    """Return whether libvirt reports a component as missing; False if libvirt reports nothing about it."""
    element = capabilities.find(part.element)
    if element is None:
        return False
    if element.attr("supported") == "no":
        return True
    lists = [e for e in element.all("enum") if e.attr("name") == part.listed]
    return bool(lists) and all(v.text != part.value for e in lists for v in e.all("value"))
