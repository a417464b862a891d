"""Every row of the table of live changes, on a guest that runs."""

from collections.abc import Iterator

import pytest

from kvmreconcile.host.connection import connect
from tests.lab.guest import GuestFiles
from tests.lab.lab import Lab
from tests.lab.live_rows import Group, clear, live_through, prepare
from tests.lab.live_table import GROUPS
from tests.lab.site import Site


@pytest.fixture(scope="module")
def site(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A host with storage and networks, for all groups."""
    shared_lab.reset()
    site = Site(shared_lab, tmp_path_factory.mktemp("site"))
    prepare(site)
    return site


@pytest.fixture(params=GROUPS, ids=[group.name for group in GROUPS])
def group(request: pytest.FixtureRequest, site: Site) -> Iterator[Group]:
    """A group of edits that this libvirt can make, whose guest is taken away at the end."""
    group: Group = request.param
    with connect(site.lab.uri) as connection:
        if connection.version < group.since:
            pytest.skip(f"it takes libvirt {'.'.join(map(str, group.since))}")
    yield group
    clear(group, site)


def test_edit_reaches_the_running_guest_and_stays(group: Group, site: Site, guest_files: GuestFiles) -> None:
    live_through(group, site, guest_files)
