"""Test that the validity of a signer's key is checked at the time when this host first checked the commit."""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kvmreconcile.errors import SourceError
from kvmreconcile.source.git import Remote, Repository
from tests.origin import ENVIRONMENT, Origin

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def format_time(at: datetime) -> str:
    """Return a time in the format of the file of allowed signers, in this host's time zone."""
    return f"{at.astimezone():%Y%m%d%H%M%S}"


def allow(origin: Origin, option: str = "") -> Path:
    """Allow a signer, with an option."""
    file = origin.allow("alice")
    name, _, key = file.read_text().partition(" ")
    file.write_text(f"{name} {option} {key}" if option else f"{name} {key}")
    return file


def host(origin: Origin, signers: Path, state: Path, **options: str) -> Repository:
    return Repository(replace(Remote(str(origin.path), allowed_signers=signers), **options), state)  # type: ignore[arg-type]


def signer(repository: Repository) -> str:
    """Fetch and use the newest commit, and return its signer."""
    repository.update()
    found = repository.in_force()
    assert found
    return found[0].signer


def refusal(repository: Repository) -> str:
    with pytest.raises(SourceError) as caught:
        repository.update()
    return str(caught.value)


@pytest.mark.case("45")
@pytest.mark.parametrize("dated", [NOW - 2 * YEAR, NOW, NOW + 2 * YEAR], ids=["back", "now", "ahead"])
def test_commit_date_does_not_make_an_invalid_key_valid(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dated: datetime
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "GIT_COMMITTER_DATE", dated.isoformat())
    commit = origin.commit("one", key="alice")

    for number, option in enumerate(
        (f'valid-before="{format_time(NOW - YEAR)}"', f'valid-after="{format_time(NOW + YEAR)}"')
    ):
        message = refusal(host(origin, allow(origin, option), tmp_path / f"state{number}"))

        assert "was not allowed to sign commits when this host first checked the commit" in message
        assert (
            f"push a new commit that is signed with a valid key, or set git.trustCommit: {commit}" in message
        )


@pytest.mark.case("45")
@pytest.mark.parametrize("dated", [NOW - 2 * YEAR, NOW + 2 * YEAR], ids=["back", "ahead"])
def test_commit_date_does_not_make_a_valid_key_invalid(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dated: datetime
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "GIT_COMMITTER_DATE", dated.isoformat())
    origin.commit("one", key="alice")
    option = f'valid-after="{format_time(NOW - YEAR)}",valid-before="{format_time(NOW + YEAR)}"'

    assert signer(host(origin, allow(origin, option), tmp_path / "state")) == "alice"


@pytest.mark.case("45")
def test_checked_commit_stays_accepted_after_key_expiry(origin: Origin, tmp_path: Path) -> None:
    commit = origin.commit("one", key="alice")
    expires = datetime.now(UTC) + timedelta(seconds=3)
    signers = allow(origin, f'valid-before="{format_time(expires)}"')
    known = host(origin, signers, tmp_path / "known", directory="hosts")
    assert "has no directory" in refusal(known)
    time.sleep(max(0.0, (expires - datetime.now(UTC)).total_seconds()) + 1.1)

    assert signer(host(origin, signers, tmp_path / "known")) == "alice"
    assert "was not allowed to sign commits when this host first checked" in refusal(
        host(origin, signers, tmp_path / "new")
    )
    assert signer(host(origin, signers, tmp_path / "new", trust_commit=commit)) == ""
    origin.commit("two", key="alice")
    assert "was not allowed to sign commits when this host first checked" in refusal(
        host(origin, signers, tmp_path / "known")
    )


def test_signature_of_a_commit_in_another_encoding_is_checked_byte_by_byte(
    origin: Origin, tmp_path: Path
) -> None:
    (origin.path / "message").write_bytes("gr\u00fcn".encode("latin-1"))
    (origin.path / "a.yaml").write_text("one")
    origin.git("add", "a.yaml")
    key = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={origin.key('alice')}")
    latin = ("-c", "i18n.commitEncoding=latin-1")
    origin.git(*key, *latin, "commit", "--quiet", "--gpg-sign", "--file=message")

    assert signer(host(origin, allow(origin), tmp_path / "state")) == "alice"


@pytest.mark.parametrize("line", ["# {}", "{} # valid-before in words", 'bob namespaces="file" {}'])
def test_removed_key_or_key_for_other_uses_is_not_reported_as_expired(
    origin: Origin, tmp_path: Path, line: str
) -> None:
    origin.commit("one", key="mallory")
    mallory = " ".join(origin.allow("mallory").read_text().split()[1:])
    signers = origin.allow("alice")
    entry = line.format(mallory) if "{} #" not in line else f"# bob's: {mallory}"
    signers.write_text(f"{signers.read_text()}{entry}\n")

    message = refusal(host(origin, signers, tmp_path / "state"))

    assert "is signed by a key that git.allowedSigners does not allow to sign commits" in message
    assert "trustCommit" not in message


def test_allowed_signers_file_may_be_a_symlink(origin: Origin, tmp_path: Path) -> None:
    link = tmp_path / "signers"
    link.symlink_to(allow(origin))
    origin.commit("one", key="alice")

    assert signer(host(origin, link, tmp_path / "state")) == "alice"
    origin.commit("two", key="mallory")
    assert "does not allow to sign" in refusal(host(origin, link, tmp_path / "state"))


@pytest.mark.parametrize("times", ['{"COMMIT": "0001-01-01T00:00:00+00:00"}', '{"COMMIT": 7}', "[]", "{"])
def test_invalid_recorded_times_are_ignored(origin: Origin, tmp_path: Path, times: str) -> None:
    commit = origin.commit("one", key="alice")
    file = tmp_path / "state/git/first-checked.json"
    file.parent.mkdir(parents=True)
    file.write_text(times.replace("COMMIT", commit))

    assert signer(host(origin, allow(origin), tmp_path / "state")) == "alice"


@pytest.mark.timeout(30)
def test_pipe_in_place_of_a_temporary_file_does_not_block(origin: Origin, tmp_path: Path) -> None:
    origin.commit("one", key="alice")
    directory = tmp_path / "state/git"
    directory.mkdir(parents=True)
    for name in ("signature", "payload", "first-checked.new", "first-checked.json"):
        os.mkfifo(directory / name)

    assert signer(host(origin, allow(origin), tmp_path / "state")) == "alice"


def test_commit_that_is_too_large_is_refused_without_reading_it(origin: Origin, tmp_path: Path) -> None:
    origin.commit("one")
    tree = origin.git("rev-parse", "HEAD^{tree}")
    author = "An Author <author@example.org> 1700000000 +0000"
    lines = " ab\n" * (1 << 19)
    text = f"tree {tree}\nauthor {author}\ncommitter {author}\ngpgsig -----BEGIN SSH SIGNATURE-----\n{lines}\none\n"
    origin.git("update-ref", "refs/heads/main", origin.store("commit", text.encode()))

    assert "is larger than 1 MiB" in refusal(host(origin, allow(origin), tmp_path / "state"))
