"""Describe where a pool stores its volumes."""

from kvmreconcile.tree import Node

_DIRECTORY = "dir"


def place(pool: Node) -> str:
    """
    Return a text for the place where a pool stores its volumes.

    For the type "dir", this is the path. Other types store volumes in their source, regardless of its mount
    point.
    """
    kind = pool.attr("type") or _DIRECTORY
    if kind == _DIRECTORY:
        return pool.get("target/path") or ""
    source = pool.child("source") or Node("source")
    hosts = (f"{host.attr('name')}:" for host in source.all("host"))
    parts = [source.get("dir/@path"), source.get("name"), source.get("adapter/@name")]
    devices = (device.attr("path") for device in source.all("device"))
    return " ".join((kind, *hosts, *(part for part in (*parts, *devices) if part)))
