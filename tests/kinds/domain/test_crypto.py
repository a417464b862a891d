"""Crypto devices, from a spec to XML and back, and the libvirt that has them."""

import pytest

from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.domain.spec import DomainSpec
from kvmreconcile.schema.decode import read_fields
from kvmreconcile.schema.mapping import write
from kvmreconcile.tree import parse
from kvmreconcile.tree.variants import for_version


@pytest.mark.parametrize("said", [{"backend": "lkcf", "queues": 2}, [{"backend": "lkcf", "queues": 2}, {}]])
def test_crypto_device_is_written_and_read_back(said: object) -> None:
    spec = DomainSpec.model_validate({"memory": "64MiB", "crypto": said})

    tree = write(spec, "domain", RULES)
    fields, _ = read_fields(DomainSpec, tree, RULES)

    first = next(tree.all("devices/crypto"))
    assert first == parse('<crypto model="virtio" type="qemu"><backend model="lkcf" queues="2"/></crypto>')
    assert DomainSpec.model_validate(fields) == spec


@pytest.mark.parametrize(("version", "is_held"), [((9, 0, 0), True), ((9, 1, 0), False)])
def test_crypto_device_requires_a_libvirt_version_that_supports_it(
    version: tuple[int, int, int], *, is_held: bool
) -> None:
    assert bool(for_version(RULES, version).unsupported.get("devices/crypto")) == is_held
