"""Test repositories on a web server that only serves files."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kvmreconcile.errors import SourceError
from kvmreconcile.source.git import Remote, Repository
from kvmreconcile.source.git.remote import Credentials
from tests.origin import Origin
from tests.source.servers import https

Make = Callable[..., Repository]


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def served(origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of the repository on a web server whose certificate this host trusts."""
    with https(origin.path / ".git", tmp_path) as (url, trusted):
        monkeypatch.setenv("GIT_SSL_CAINFO", str(trusted))
        yield url


@pytest.fixture
def repository(served: str, tmp_path: Path) -> Make:
    def make(**options: object) -> Repository:
        return Repository(replace(Remote(served), **options), tmp_path / "state")  # type: ignore[arg-type]

    return make


def publish(origin: Origin, form: str = "loose") -> None:
    """Write the lists of refs and packs that a web server serves."""
    if form == "packed":
        origin.git("gc", "--quiet")
    origin.git("update-server-info")


def text(repository: Repository) -> str:
    found = repository.in_force()
    assert found
    return (found[1] / "a.yaml").read_text()


def refusal(repository: Repository) -> str:
    with pytest.raises(SourceError) as caught:
        repository.update()
    return str(caught.value)


@pytest.mark.parametrize("form", ["loose", "packed"])
def test_commits_are_fetched_from_a_web_server(origin: Origin, repository: Make, form: str) -> None:
    first = origin.commit("one")
    publish(origin, form)
    assert repository().update()
    origin.commit("two")
    publish(origin, form)

    assert repository().update()

    assert text(repository()) == "two"
    assert not repository().update()
    repository(ref=first).update()
    assert text(repository(ref=first)) == "one"


@pytest.mark.case("42")
@pytest.mark.parametrize("form", ["loose", "packed"])
def test_objects_from_a_web_server_are_checked(origin: Origin, repository: Make, form: str) -> None:
    origin.commit("one")
    blob = origin.git("rev-parse", "HEAD:a.yaml")
    tree = origin.store("tree", b"0100644 old.yaml\0" + bytes.fromhex(blob))
    old = origin.git("commit-tree", tree, "-m", "old")
    origin.git(
        "update-ref", "refs/heads/main", origin.git("commit-tree", "HEAD^{tree}", "-p", old, "-m", "now")
    )
    publish(origin, form)

    message = refusal(repository())

    assert (
        f"git fsck failed: error in tree {tree}: zeroPaddedFilemode: contains zero-padded file modes"
        in message
    )
    assert message.endswith("to git.accept")
    assert refusal(repository()) == message
    repository(accept=("zeroPaddedFilemode",)).update()
    assert text(repository()) == "one"


@pytest.mark.case("41")
def test_objects_of_aborted_downloads_from_a_web_server_do_not_fill_the_mirror(
    origin: Origin, repository: Make, tmp_path: Path
) -> None:
    for number in range(4):
        (origin.path / f"blob{number}").write_bytes(os.urandom(1_500_000))
        origin.commit(str(number))
    publish(origin)

    assert "the download is larger than 2MiB" in refusal(repository(max_download=2 << 20))

    assert sum(file.stat().st_size for file in (tmp_path / "state").rglob("objects/??/*")) <= 4 << 20


@pytest.mark.case("41")
@pytest.mark.parametrize("form", ["loose", "packed"])
def test_download_from_a_web_server_has_a_maximum_size(
    origin: Origin, repository: Make, tmp_path: Path, form: str
) -> None:
    origin.commit("one")
    (origin.path / "blob").write_bytes(os.urandom(40 << 20))
    origin.commit("two")
    publish(origin, form)

    assert "the download is larger than 1MiB" in refusal(repository(max_download=1 << 20))
    assert "the download is larger than 1MiB" in refusal(repository(max_download=1 << 20))

    objects = [file for file in (tmp_path / "state/git/mirror.git/objects").rglob("*") if file.is_file()]
    assert not [file for file in objects if file.suffix in (".temp", ".lock")]
    assert sum(file.stat().st_size for file in objects) <= 2 << 20
    repository().update()
    assert text(repository()) == "two"


def test_web_server_without_a_list_of_refs_is_reported(origin: Origin, repository: Make) -> None:
    origin.commit("one")

    assert 'needs "git update-server-info" in the repository' in refusal(repository())


def test_web_server_with_an_unknown_certificate_is_refused(
    origin: Origin, repository: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit("one")
    publish(origin)
    monkeypatch.delenv("GIT_SSL_CAINFO")

    assert "add the certificate of its CA to those of this host" in refusal(repository())


def test_password_is_taken_from_the_file(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit("one")
    publish(origin)
    passwords = tmp_path / "passwords"
    with https(origin.path / ".git", tmp_path, "alice:right") as (url, trusted):
        monkeypatch.setenv("GIT_SSL_CAINFO", str(trusted))
        remote = Remote(url, credentials=Credentials(passwords=passwords))
        none = refusal(Repository(remote, tmp_path / "state"))
        passwords.write_text(url.replace("//", "//alice:wrong@") + "\n")
        wrong = refusal(Repository(remote, tmp_path / "state"))
        passwords.write_text(url.replace("//", "//alice:right@") + "\n")
        Repository(remote, tmp_path / "state").update()

    assert none.endswith(
        "terminal prompts disabled; correct git.url, or give user and password in git.passwords, which the owner of the state directory must be able to read"
    )
    assert "Authentication failed" in wrong
    assert "wrong" not in wrong
    assert text(Repository(remote, tmp_path / "state")) == "one"
