"""One embedded driver for all tests of a process."""

from collections.abc import Iterator

import pytest

from tests.embed.embedded import Embedded, embedded


@pytest.fixture(scope="session")
def _embedded() -> Iterator[Embedded]:
    with embedded() as hypervisor:
        yield hypervisor


@pytest.fixture
def hypervisor(_embedded: Embedded) -> Iterator[Embedded]:
    _embedded.clear()
    yield _embedded
    _embedded.clear()
