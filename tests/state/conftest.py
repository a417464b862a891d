"""Fixtures for a state in a temporary directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmreconcile.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State.open(tmp_path)
    yield state
    state.close()
