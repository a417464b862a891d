"""Every row of the table of live changes, on a guest that runs."""

from collections.abc import Iterator

import pytest

from kvmreconcile.host.connection import connect
from kvmreconcile.kinds.domain.updates import UPDATES
from tests.lab import live_devices, live_newer, live_values
from tests.lab.guest import GuestFiles
from tests.lab.lab import Lab
from tests.lab.live_rows import Group, clear, live_through, prepare, rows_of, unserved
from tests.lab.site import Site

GROUPS = (*live_values.GROUPS, *live_devices.GROUPS, *live_newer.GROUPS)
NOT_RUN = live_values.NOT_RUN | live_devices.NOT_RUN


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


@pytest.mark.figures
def test_every_row_is_exercised_or_told_why_not() -> None:
    rows = rows_of(UPDATES)

    assert NOT_RUN.keys() <= rows
    assert unserved(UPDATES, GROUPS) == NOT_RUN.keys()
    print(f"{len(rows)} rows of the live table: {len(rows) - len(NOT_RUN)} run, {len(NOT_RUN)} not run")
    for row, reason in sorted(NOT_RUN.items()):
        print(f"  {row}: {reason}")
