"""Test which parts of a repository are downloaded, the time limit, and the files left by an aborted download."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from kvmreconcile.errors import SourceError
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.git import Remote, Repository, download
from kvmreconcile.source.git.defects import DEFECTS
from kvmreconcile.source.git.download import Download
from tests.origin import Origin
from tests.source.servers import SLOW_LINE, put_ssh

BLOB = 1_500_000


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return tmp_path / "state/git/mirror.git"


@pytest.fixture
def repository(origin: Origin, tmp_path: Path) -> Callable[..., Repository]:
    def make(**options: object) -> Repository:
        return Repository(replace(Remote(str(origin.path)), **options), tmp_path / "state")  # type: ignore[arg-type]

    return make


def refusal(repository: Repository) -> str:
    with pytest.raises(SourceError) as caught:
        repository.update()
    return str(caught.value)


def text(repository: Repository) -> str:
    found = repository.in_force()
    assert found
    return (found[1] / "a.yaml").read_text()


def assert_nothing_is_left(mirror: Path) -> None:
    """Fail if the mirror has files of an aborted download."""
    packs = mirror / "objects/pack"
    assert {file.suffix for file in packs.iterdir()} <= {".pack", ".idx", ".rev"}
    assert not list(mirror.rglob("*.lock"))
    assert not list(mirror.glob("objects/tmp_*"))


def put_blob(origin: Origin, branch: str = "main", size: int = BLOB) -> None:
    """Commit a file that does not compress."""
    if branch != "main":
        origin.git("checkout", "--quiet", "-b", branch)
    (origin.path / "blob").write_bytes(os.urandom(size))
    origin.git("add", "blob")
    origin.git("commit", "--quiet", "--message=blob")
    origin.git("checkout", "--quiet", "main")


@pytest.mark.case("41")
def test_other_branches_and_tags_are_not_downloaded(
    origin: Origin, repository: Callable[..., Repository], mirror: Path
) -> None:
    origin.commit("one")
    put_blob(origin, "images")
    origin.git("tag", "v1", "images")

    repository().update()

    assert sum(file.stat().st_size for file in mirror.rglob("*.pack")) < BLOB // 10
    refs = subprocess.check_output(
        ["git", "--git-dir", mirror, "for-each-ref", "--format=%(refname)"], text=True
    )
    assert refs.split() == ["refs/fetched/branch"]


@pytest.mark.case("41")
def test_download_beyond_the_maximum_size_is_aborted_and_removed(
    origin: Origin, repository: Callable[..., Repository], mirror: Path
) -> None:
    origin.commit("one")
    repository().update()
    put_blob(origin, size=40 << 20)
    origin.commit("two")

    message = refusal(repository(max_download=1 << 20))

    assert "the download is larger than 1MiB; raise git.maxDownload" in message
    assert text(repository()) == "one"
    assert refusal(repository(max_download=1 << 20)) == message
    repository().update()
    assert text(repository()) == "two"
    assert_nothing_is_left(mirror)


@pytest.mark.case("41")
@pytest.mark.parametrize("ref", ["main", "COMMIT"])
def test_oversized_download_that_finished_is_refused_again(
    origin: Origin,
    repository: Callable[..., Repository],
    mirror: Path,
    monkeypatch: pytest.MonkeyPatch,
    ref: str,
) -> None:
    origin.commit("one")
    repository().update()
    put_blob(origin)
    newest = origin.commit("two")
    measure, ended = Download.measure, set[Download]()

    def measure_late(self: Download) -> int:
        if any(file.read_text().strip() == newest for file in (mirror / "refs/fetched").glob("*")):
            ended.add(self)
        return measure(self) if self in ended else 0

    monkeypatch.setattr(Download, "measure", measure_late)
    small = repository(max_download=1 << 20, ref=ref.replace("COMMIT", newest))

    assert "the download is larger than 1MiB" in refusal(small)
    assert "the download is larger than 1MiB" in refusal(small)

    assert sum(file.stat().st_size for file in mirror.rglob("*.pack")) < 1 << 20
    assert text(repository()) == "one"
    repository().update()
    assert text(repository()) == "two"


@pytest.fixture
def slow_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that makes ssh a slow connection, which stops after some bytes."""

    def make(most: int) -> None:
        monkeypatch.setenv("PATH", f"{put_ssh(tmp_path, SLOW_LINE.format(most=most))}:{os.environ['PATH']}")

    return make


@pytest.mark.case("40")
def test_slow_download_continues_while_it_makes_progress(
    origin: Origin,
    repository: Callable[..., Repository],
    slow_line: Callable[[int], None],
    mirror: Path,
) -> None:
    slow_line(1 << 30)
    put_blob(origin)
    origin.commit("one")
    lines: list[str] = []

    repository(url=f"ssh://git@localhost{origin.path}", timeout_s=3.0).update(lines.append)

    assert text(repository(url=f"ssh://git@localhost{origin.path}")) == "one"
    assert any("Receiving objects" in line and "iB/s" in line for line in lines)
    assert_nothing_is_left(mirror)


@pytest.mark.case("40")
def test_download_without_progress_is_aborted_and_its_files_are_removed(
    origin: Origin,
    repository: Callable[..., Repository],
    slow_line: Callable[[int], None],
    mirror: Path,
) -> None:
    put_blob(origin)
    origin.commit("one")
    slow_line(500_000)
    url = f"ssh://git@localhost{origin.path}"

    message = refusal(repository(url=url, timeout_s=2.0))
    assert message.startswith(
        f"{url}: git fetch failed: no progress within 2 s; check that git.url is reachable"
    )
    slow_line(1 << 30)
    repository(url=url).update()

    assert text(repository(url=url)) == "one"
    assert_nothing_is_left(mirror)


@pytest.mark.case("40")
def test_progress_names_the_step_that_git_waits_for(
    origin: Origin,
    repository: Callable[..., Repository],
    slow_line: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download, "_QUIET_S", 0.3)
    put_blob(origin)
    origin.commit("one")
    url = f"ssh://git@localhost{origin.path}"
    dead, stalled = list[str](), list[str]()

    slow_line(0)
    with pytest.raises(SourceError, match="git ls-remote failed: no answer within 2 s"):
        repository(url=url, timeout_s=2.0).update(dead.append)
    slow_line(500_000)
    with pytest.raises(SourceError, match="git fetch failed: no progress within 4 s"):
        repository(url=url, timeout_s=4.0).update(stalled.append)

    assert f"no progress for 1 s (will be aborted after 2 s): waiting for {url} to answer" in dead
    assert any(
        line.startswith("no progress for 1 s (will be aborted after 4 s): Receiving objects: ")
        for line in stalled
    )


@pytest.mark.case("40")
def test_progress_has_steps_after_the_download_but_no_ref_names(
    origin: Origin, repository: Callable[..., Repository]
) -> None:
    commit, lines = origin.commit("one"), list[str]()

    repository().update(lines.append)

    assert not [line for line in lines if "->" in line or line.startswith("From ")]
    assert lines[-1] == f"checking out commit {commit[:12]} (files: 1)"


@pytest.mark.case("42")
def test_defect_of_old_objects_is_reported_and_can_be_accepted(
    origin: Origin, repository: Callable[..., Repository]
) -> None:
    origin.commit("one")
    blob = origin.git("rev-parse", "HEAD:a.yaml")
    tree = origin.store("tree", b"0100644 old.yaml\0" + bytes.fromhex(blob))
    old = origin.git("commit-tree", tree, "-m", "old")
    new = origin.git("commit-tree", "HEAD^{tree}", "-p", old, "-m", "now")
    origin.git("update-ref", "refs/heads/main", new)

    message = refusal(repository())
    repository(accept=("zeroPaddedFilemode",)).update()

    assert "zeroPaddedFilemode: contains zero-padded file modes" in message
    assert message.endswith("to git.accept")
    assert text(repository()) == "one"


@pytest.mark.case("42")
@pytest.mark.parametrize("name", ["skipList", "nulInHeader", "unterminatedHeader", "zeroPadded", ""])
def test_defect_that_git_cannot_ignore_is_refused(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"git": {"url": "x", "accept": [name]}})

    message = caught.value.errors()[0]["msg"]
    assert f'"{name}" is not a message ID that can be accepted; it must be one of badDate, ' in message
    assert message.endswith("zeroPaddedDate, zeroPaddedFilemode")


@pytest.mark.case("42")
def test_git_accepts_every_listed_defect_in_upper_or_lower_case(
    origin: Origin, repository: Callable[..., Repository]
) -> None:
    origin.commit("one")
    git = Settings.model_validate({"git": {"url": "x", "accept": [name.upper() for name in DEFECTS]}}).git
    assert git
    assert git.accept == DEFECTS

    repository(accept=DEFECTS).update()

    assert text(repository()) == "one"


def test_branch_below_the_name_of_a_deleted_branch_is_fetched(
    origin: Origin, repository: Callable[..., Repository]
) -> None:
    origin.commit("one")
    origin.git("branch", "session")
    repository(ref="session").update()
    origin.git("branch", "--delete", "session")
    origin.git("branch", "session/a")

    repository(ref="session/a").update()

    assert text(repository(ref="session/a")) == "one"


@pytest.mark.parametrize("protocol", ["0", "2"])
def test_pinned_commit_is_downloaded_once_even_if_the_server_does_not_send_it_by_hash(
    origin: Origin, repository: Callable[..., Repository], monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    # Before version 2 of the protocol, a server sends only what it advertises.
    for name, value in (("COUNT", "1"), ("KEY_0", "protocol.version"), ("VALUE_0", protocol)):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    commit = origin.commit("one")
    origin.commit("two")
    pinned = repository(ref=commit)

    assert pinned.update()
    origin.path.rename(origin.path.with_name("away"))

    assert not pinned.update()
    assert text(pinned) == "one"


def test_unknown_pinned_commit_is_reported(origin: Origin, repository: Callable[..., Repository]) -> None:
    origin.commit("one")

    assert f'the repository offers no branch, tag or full commit hash "{"1" * 40}"' in refusal(
        repository(ref="1" * 40)
    )


def test_mirror_that_an_earlier_version_created_with_all_branches_is_used(
    origin: Origin, repository: Callable[..., Repository], mirror: Path
) -> None:
    put_blob(origin)
    origin.commit("one")
    origin.git("branch", "a\u0085b")
    mirror.mkdir(parents=True)
    for words in (
        ["init", "--quiet", "--bare"],
        ["fetch", "--quiet", str(origin.path), "+refs/heads/*:refs/heads/*"],
    ):
        subprocess.run(["git", "--git-dir", mirror, *words], check=True)
    origin.commit("two")

    repository(max_download=1 << 20).update()

    assert text(repository()) == "two"


@pytest.mark.parametrize("protocol", ["0", "2"])
def test_server_banner_hides_neither_the_error_nor_the_fallback(
    origin: Origin,
    repository: Callable[..., Repository],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
) -> None:
    ssh = tmp_path / "bin/ssh"
    ssh.parent.mkdir()
    ssh.write_text(
        '#!/bin/sh\nfor last; do :; done\necho "Authorized use only" >&2\necho "Have a nice day" >&2\neval "$last"\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    for name, value in (("COUNT", "1"), ("KEY_0", "protocol.version"), ("VALUE_0", protocol)):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    commit = origin.commit("one")
    origin.commit("two")

    repository(url=f"ssh://git@localhost{origin.path}", ref=commit).update()
    message = refusal(repository(url="ssh://git@localhost/nowhere"))

    assert text(repository(url=f"ssh://git@localhost{origin.path}", ref=commit)) == "one"
    assert "'/nowhere' does not appear to be a git repository" in message


@pytest.mark.case("41")
def test_refused_commits_do_not_fill_the_mirror(
    origin: Origin, repository: Callable[..., Repository], mirror: Path
) -> None:
    first = origin.commit("one")
    repository(max_download=2 << 20).update()
    for number in range(6):
        origin.git("reset", "--quiet", "--hard", first)
        origin.git("commit", "--quiet", "--amend", f"--message=amended {number}")
        put_blob(origin)
        assert "does not descend" in refusal(repository(max_download=2 << 20))

    assert sum(file.stat().st_size for file in mirror.rglob("*.pack")) < 4 * BLOB
    origin.git("reset", "--quiet", "--hard", first)
    origin.commit("two")
    repository(max_download=2 << 20).update()
    assert text(repository()) == "two"


def test_shallow_clone_on_the_server_is_reported(
    origin: Origin, repository: Callable[..., Repository], tmp_path: Path
) -> None:
    first, second = origin.commit("one"), origin.commit("two")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{origin.path}", shallow], check=True)

    messages = [refusal(repository(url=str(shallow), ref=ref)) for ref in ("main", second, second, first)]

    for each in messages:
        assert (
            'the repository is a shallow clone, which lacks part of its history; run "git fetch --unshallow"'
            in each
        )
