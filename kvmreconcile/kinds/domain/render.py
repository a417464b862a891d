"""
From a domain's document to what it wants. Pure.

Separate from the spec because only here fields mean more than their place in libvirt's XML.
"""

from dataclasses import replace
from typing import cast

from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.domain.spec import DomainSpec
from kvmreconcile.kinds.domain.spelling import canonical
from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.rendering import desired, said
from kvmreconcile.model import Desired, Key, Power

NAME = "Domain"
ROOT = "domain"

_POWER = {"running": Power.RUNNING, "stopped": Power.STOPPED, "any": None}


def key(document: Document) -> Key:
    """Return the identity of the domain that a document is about."""
    return Key(NAME, document.name)


def desire(document: Document, uuid: str) -> Desired:
    """
    Return what a document wants, and nothing that it does not say; `uuid` is the one to be born with.

    Memory that is not said to be shared with the balloon is all the guest's.

    Raises:
        SpecError: Its `xml` cannot be used.
    """
    spec = cast("DomainSpec", document.spec)
    fields = (
        spec
        if spec.current_memory or spec.memory is None
        else spec.model_copy(update={"current_memory": spec.memory})
    )
    tree = canonical(said(document, fields, ROOT, RULES))
    wish = desired(document, key(document), tree, tree.get("uuid") or uuid)
    return replace(wish, power=_POWER[spec.state], autostart=spec.autostart)
