"""Valid names of devices."""

import pytest
from pydantic import ValidationError

from kvmreconcile.kinds.domain.spec import DomainSpec


def named(name: str) -> DomainSpec:
    return DomainSpec.model_validate({"memory": "64MiB", "disks": [{"name": name, "file": "/a"}]})


@pytest.mark.parametrize("name", ["root", "Data-2", "a_b", "0"])
def test_name_that_libvirt_keeps_is_accepted(name: str) -> None:
    assert [disk.name for disk in named(name).disks or ()] == [name]


@pytest.mark.case("7")
@pytest.mark.parametrize("name", ["a.b", "a b", "", "ä", "a/b"])
def test_name_that_libvirt_would_drop_silently_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        named(name)
