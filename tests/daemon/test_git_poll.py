"""The events and log lines of repository checks."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kvmreconcile.daemon import git_poll as module
from kvmreconcile.daemon.git_poll import GitPoll
from kvmreconcile.events.events import PassEvent, RepositoryChecked
from kvmreconcile.source.git import Remote, Repository
from tests.origin import Origin


def test_each_check_publishes_current_commit_and_problem(tmp_path: Path) -> None:
    origin, events = Origin(tmp_path), list[PassEvent]()
    first = origin.commit("# nothing")
    poll = GitPoll(
        Repository(Remote(url=str(origin.path)), tmp_path / "git"),
        trigger=lambda: None,
        subscribers=(events.append,),
    )

    poll()
    origin.path.rename(tmp_path / "elsewhere")
    poll()

    succeeded, failed = events
    assert isinstance(succeeded, RepositoryChecked)
    assert isinstance(failed, RepositoryChecked)
    assert (succeeded.where, succeeded.commit, succeeded.why) == (str(origin.path), first, "")
    assert failed.commit == first
    assert str(origin.path) in failed.why


@pytest.mark.case("40")
def test_progress_of_a_download_is_logged_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROGRESS_INTERVAL_S", 0.0)
    origin = Origin(tmp_path)
    origin.commit("# nothing")
    poll = GitPoll(Repository(Remote(url=str(origin.path)), tmp_path / "git"), trigger=lambda: None)

    with capture_logs() as lines:
        poll()

    progress = [line["progress"] for line in lines if line["event"] == "revision.fetching"]
    assert any("Receiving objects: 100%" in line for line in progress)
