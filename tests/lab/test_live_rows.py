"""Every row of the table of live changes, on a guest that runs."""

from collections.abc import Iterator

import pytest

from kvmreconcile.host.connection import connect
from tests.lab.guest import GuestFiles
from tests.lab.lab import Lab
from tests.lab.live_rows import Group, clear, prepare, run_group
from tests.lab.live_table import GROUPS
from tests.lab.session import Session


@pytest.fixture(scope="module")
def session(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A host with storage and networks, for all groups."""
    shared_lab.reset()
    session = Session(shared_lab, tmp_path_factory.mktemp("session"))
    prepare(session)
    return session


@pytest.fixture(params=GROUPS, ids=[group.name for group in GROUPS])
def group(request: pytest.FixtureRequest, session: Session) -> Iterator[Group]:
    """A group of edits that this libvirt supports; its guest is removed at the end."""
    group: Group = request.param
    with connect(session.lab.uri) as connection:
        if connection.version < group.since:
            pytest.skip(f"it takes libvirt {'.'.join(map(str, group.since))}")
    yield group
    clear(group, session)


def test_edit_is_applied_to_the_running_guest_and_kept(
    group: Group, session: Session, guest_files: GuestFiles
) -> None:
    run_group(group, session, guest_files)
