"""Problems that are reported for fields of a domain that contradict each other."""

import pytest
from pydantic import ValidationError

from kvmreconcile.kinds.domain.spec import DomainSpec


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"vcpus": {"maximum": 1}, "cputune": {"vcpupin": {2: "0"}}},
            '"cputune.vcpupin" pins vCPU 2, but there is only vCPU 0',
        ),
        (
            {"vcpus": {"maximum": 4}, "cputune": {"vcpupin": {4: "0"}}},
            '"cputune.vcpupin" pins vCPU 4, but vCPUs are numbered 0 to 3',
        ),
        (
            {"iothreads": 1, "controllers": [{"type": "pci"}, {"type": "scsi", "iothread": 3}]},
            'controllers[1] (scsi) uses I/O thread 3, which does not exist: "iothreads" is 1',
        ),
        (
            {"controllers": [{"type": "scsi", "index": 0, "iothread": 3}]},
            'controller "0" uses I/O thread 3, which does not exist: "iothreads" is not set',
        ),
    ],
)
def test_message_about_contradicting_fields_names_them(spec: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DomainSpec.model_validate({"memory": "1GiB", **spec})

    assert said in str(caught.value)
