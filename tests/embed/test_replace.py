"""A failed replacement of a domain does not lose the domain."""

import pytest

from kvmreconcile.errors import Rejected
from kvmreconcile.kinds.domain.driver import DomainDriver
from kvmreconcile.model import Action, Key, Reason
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect, parse
from tests.embed.embedded import Embedded

KEY = Key("Domain", "web")
OLD, NEW = "6695eb01-f6a4-8304-79aa-97f2502e193f", "7795eb01-f6a4-8304-79aa-97f2502e193f"
XML = f"""
<domain type='qemu'>
  <name>web</name><uuid>{OLD}</uuid><memory>131072</memory>
  <os><type arch='x86_64' machine='MACHINE'>hvm</type></os>
</domain>
"""


def replacement(machine: str) -> Action:
    tree = parse(XML.replace("MACHINE", machine).replace(OLD, NEW))
    return Action(KEY, verb_of("replace"), Effect.REPLACE, Reason.EDIT, tree=tree)


def test_domain_is_recreated_with_another_uuid(hypervisor: Embedded) -> None:
    hypervisor.define(XML.replace("MACHINE", "q35"))

    DomainDriver().perform(hypervisor.connection, replacement("q35"))

    assert hypervisor.connection.virt.lookupByName("web").UUIDString() == NEW


def test_domain_whose_replacement_is_refused_still_exists(hypervisor: Embedded) -> None:
    hypervisor.define(XML.replace("MACHINE", "q35"))
    before = hypervisor.connection.virt.lookupByName("web")
    xml = before.XMLDesc()

    with pytest.raises(Rejected):
        DomainDriver().perform(hypervisor.connection, replacement("no-such"))

    assert hypervisor.connection.virt.lookupByName("web").XMLDesc() == xml
