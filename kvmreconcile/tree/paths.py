"""Build paths of elements and attributes for rules, with short prefixes for namespaces."""


def under(path: str, tag: str) -> str:
    """Return the path of the child with a tag in the element at `path`."""
    return f"{path}/{short(tag)}" if path else short(tag)


def at(path: str, attribute: str) -> str:
    """Return the path of an attribute of the element at `path`."""
    return f"{path}/@{attribute}" if path else f"@{attribute}"


_SHORT = {
    "http://libvirt.org/schemas/domain/qemu/1.0": "qemu",
    "http://libvirt.org/schemas/network/dnsmasq/1.0": "dnsmasq",
    "http://libvirt.org/schemas/domain/lxc/1.0": "lxc",
    "http://libvirt.org/schemas/domain/xen/1.0": "xen",
    "http://libvirt.org/schemas/domain/bhyve/1.0": "bhyve",
    "http://libvirt.org/schemas/storagepool/fs/1.0": "fs",
    "http://libvirt.org/schemas/storagepool/rbd/1.0": "rbd",
    "http://libosinfo.org/xmlns/libvirt/domain/1.0": "libosinfo",
    "http://openstack.org/xmlns/libvirt/nova/1.0": "nova",
    "http://openstack.org/xmlns/libvirt/nova/1.1": "nova",
}


def shorten_uris(path: str) -> str:
    """Return a path with well-known namespace URIs, as in plans of earlier versions, replaced by prefixes."""
    for uri, prefix in _SHORT.items() if "://" in path else ():
        path = path.replace(f"{uri}:", f"{prefix}:")
    return path


def short(tag: str) -> str:
    """Return a tag with its namespace URI, if well known, replaced by a prefix."""
    if not tag.startswith("{"):
        return tag
    uri, _, local = tag[1:].partition("}")
    return f"{_SHORT.get(uri, uri)}:{local}"
