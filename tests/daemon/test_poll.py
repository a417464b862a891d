"""What the daemon tells of the repository it asks."""

from pathlib import Path

from kvmreconcile.daemon.poll import Poll
from kvmreconcile.passes.news import Asked, News
from kvmreconcile.source.git import Remote, Repository
from tests.origin import Origin


def test_each_question_is_told_with_what_is_in_force_and_what_is_wrong(tmp_path: Path) -> None:
    origin, told = Origin(tmp_path), list[News]()
    first = origin.commit("# nothing")
    poll = Poll(
        Repository(Remote(url=str(origin.path)), tmp_path / "git"),
        ring=lambda: None,
        followers=(told.append,),
    )

    poll()
    origin.path.rename(tmp_path / "elsewhere")
    poll()

    well, wrong = told
    assert isinstance(well, Asked)
    assert isinstance(wrong, Asked)
    assert (well.where, well.commit, well.why) == (str(origin.path), first, "")
    assert wrong.commit == first
    assert str(origin.path) in wrong.why
