"""Until when a signer's key is valid is judged by the time when this host first had the commit."""

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


def stamp(at: datetime) -> str:
    """Return a time as the file of allowed signers has it, in this host's time zone."""
    return f"{at.astimezone():%Y%m%d%H%M%S}"


def allow(origin: Origin, option: str = "") -> Path:
    """Allow a signer, with an option."""
    file = origin.allow("alice")
    name, _, key = file.read_text().partition(" ")
    file.write_text(f"{name} {option} {key}" if option else f"{name} {key}")
    return file


def host(origin: Origin, signers: Path, state: Path, **said: str) -> Repository:
    return Repository(replace(Remote(str(origin.path), allowed_signers=signers), **said), state)  # type: ignore[arg-type]


def signer(repository: Repository) -> str:
    """Bring the newest commit into force and return its signer."""
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
def test_date_of_a_commit_makes_no_key_valid(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dated: datetime
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "GIT_COMMITTER_DATE", dated.isoformat())
    commit = origin.commit("one", key="alice")

    for number, option in enumerate(
        (f'valid-before="{stamp(NOW - YEAR)}"', f'valid-after="{stamp(NOW + YEAR)}"')
    ):
        said = refusal(host(origin, allow(origin, option), tmp_path / f"state{number}"))

        assert "was not valid when this host first had the commit" in said
        assert f"sign a new commit on top, or set git.trustCommit: {commit}" in said


@pytest.mark.case("45")
@pytest.mark.parametrize("dated", [NOW - 2 * YEAR, NOW + 2 * YEAR], ids=["back", "ahead"])
def test_date_of_a_commit_makes_no_key_invalid(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dated: datetime
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "GIT_COMMITTER_DATE", dated.isoformat())
    origin.commit("one", key="alice")
    option = f'valid-after="{stamp(NOW - YEAR)}",valid-before="{stamp(NOW + YEAR)}"'

    assert signer(host(origin, allow(origin, option), tmp_path / "state")) == "alice"


@pytest.mark.case("45")
def test_commit_stays_believed_after_its_key_has_expired_and_a_new_host_has_to_be_told(
    origin: Origin, tmp_path: Path
) -> None:
    commit = origin.commit("one", key="alice")
    expires = datetime.now(UTC) + timedelta(seconds=3)
    signers = allow(origin, f'valid-before="{stamp(expires)}"')
    known = host(origin, signers, tmp_path / "known", directory="hosts")
    assert "has no directory" in refusal(known)
    time.sleep(max(0.0, (expires - datetime.now(UTC)).total_seconds()) + 1.1)

    assert signer(host(origin, signers, tmp_path / "known")) == "alice"
    assert "was not valid" in refusal(host(origin, signers, tmp_path / "new"))
    assert signer(host(origin, signers, tmp_path / "new", trust_commit=commit)) == ""
    origin.commit("two", key="alice")
    assert "was not valid" in refusal(host(origin, signers, tmp_path / "known"))


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
