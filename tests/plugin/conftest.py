"""Install the package of this directory once."""

from pathlib import Path

import pytest

from tests.plugin.installed import install


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the installed package."""
    return install(tmp_path_factory.mktemp("session"))
