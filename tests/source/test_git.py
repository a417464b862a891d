"""Test which commits of a repository are used, and which files a failure leaves."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pydantic import ValidationError

from kvmreconcile.errors import SourceError
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.git import Remote, Repository, lock
from kvmreconcile.source.git.command import Git
from kvmreconcile.source.git.remote import Credentials
from tests.origin import Origin

NOBODY = 65534


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def remote(origin: Origin) -> Remote:
    return Remote(str(origin.path))


@pytest.fixture
def repository(remote: Remote, tmp_path: Path) -> Repository:
    return Repository(remote, tmp_path / "state")


def text(repository: Repository, name: str = "a.yaml") -> str:
    """Return the text of a file of the current revision."""
    found = repository.in_force()
    assert found
    return (found[1] / name).read_text()


def refusal(repository: Repository) -> str:
    with pytest.raises(SourceError) as caught:
        repository.update()
    return str(caught.value)


def test_newest_commit_becomes_the_current_revision(origin: Origin, repository: Repository) -> None:
    assert repository.in_force() is None
    commit = origin.commit("one")

    assert repository.update()

    found = repository.in_force()
    assert found
    assert (found[0].commit, found[0].subject) == (commit, "one")
    assert found[0].author == "An Author <author@example.org>"
    assert text(repository) == "one"


def test_state_may_be_a_relative_path(
    origin: Origin, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    origin.commit("one")
    repository = Repository(remote, Path("state"))

    repository.update()

    assert text(repository) == "one"


def test_update_without_new_commit_changes_nothing(origin: Origin, repository: Repository) -> None:
    origin.commit("one")
    repository.update()
    before = repository.in_force()

    assert not repository.update()
    assert repository.in_force() == before


def test_new_commit_replaces_the_revision_and_old_revisions_are_removed(
    origin: Origin, repository: Repository, tmp_path: Path
) -> None:
    for number in range(4):
        origin.commit(str(number))
        assert repository.update()

    assert text(repository) == "3"
    kept = [p for p in (tmp_path / "state/git/revisions").iterdir() if not p.is_symlink()]
    assert len(kept) == 2


def test_removed_file_is_not_checked_out(origin: Origin, repository: Repository) -> None:
    origin.commit("one")
    origin.commit("two", name="b.yaml")
    repository.update()
    origin.git("rm", "--quiet", "b.yaml")
    origin.git("commit", "--quiet", "--message=less")

    repository.update()

    found = repository.in_force()
    assert found
    assert [p.name for p in found[1].iterdir()] == ["a.yaml"]


@pytest.mark.parametrize("ref", ["main", "v1", "COMMIT"])
def test_ref_may_be_a_branch_a_tag_or_a_commit(
    origin: Origin, remote: Remote, tmp_path: Path, ref: str
) -> None:
    commit = origin.commit("one")
    origin.git("tag", "--annotate", "--message=v1", "v1")
    if ref != "main":
        origin.commit("two")
    repository = Repository(replace(remote, ref=ref.replace("COMMIT", commit)), tmp_path / "state")

    repository.update()

    assert text(repository) == "one"


def test_only_the_configured_directory_is_checked_out(origin: Origin, remote: Remote, tmp_path: Path) -> None:
    origin.commit("one", name="hosts/kvm1/a.yaml")
    origin.commit("other", name="hosts/kvm2/a.yaml")
    repository = Repository(replace(remote, directory="hosts/kvm1"), tmp_path / "state")

    repository.update()

    assert text(repository) == "one"


def test_missing_directory_keeps_the_current_revision(origin: Origin, remote: Remote, tmp_path: Path) -> None:
    origin.commit("one", name="hosts/kvm1/a.yaml")
    repository = Repository(replace(remote, directory="hosts/kvm1"), tmp_path / "state")
    repository.update()
    origin.git("rm", "--quiet", "-r", "hosts")
    origin.commit("other", name="b.yaml")

    assert 'has no directory "hosts/kvm1"; correct git.directory, or push that directory' in refusal(
        repository
    )
    assert text(repository) == "one"


def test_missing_ref_is_reported(origin: Origin, remote: Remote, tmp_path: Path) -> None:
    origin.commit("one")

    message = refusal(Repository(replace(remote, ref="mian"), tmp_path / "state"))

    assert message == (
        f'{origin.path}: the repository offers no branch, tag or full commit hash "mian"; '
        'correct git.ref (the default branch is "main"), or push the branch, tag or commit that it names'
    )


def test_unreachable_repository_keeps_the_current_revision(origin: Origin, repository: Repository) -> None:
    origin.commit("one")
    repository.update()
    away = origin.path.rename(origin.path.with_name("away"))

    assert "git ls-remote failed" in refusal(repository)
    assert text(repository) == "one"

    away.rename(origin.path)
    assert not repository.update()


def test_rewritten_history_is_refused_unless_allowed(
    origin: Origin, repository: Repository, remote: Remote, tmp_path: Path
) -> None:
    origin.commit("one")
    old = origin.commit("two")
    repository.update()
    origin.git("reset", "--quiet", "--hard", "HEAD~1")
    new = origin.commit("three")

    message = refusal(repository)

    assert f"commit {new[:12]} does not descend from {old[:12]}, the last commit that was used" in message
    assert text(repository) == "two"
    allowed = Repository(replace(remote, allow_rewind=True), tmp_path / "state")
    assert allowed.update()
    assert text(allowed) == "three"


def test_reset_to_an_older_commit_is_refused(origin: Origin, repository: Repository) -> None:
    origin.commit("one")
    origin.commit("two")
    repository.update()
    origin.git("reset", "--quiet", "--hard", "HEAD~1")

    assert "does not descend" in refusal(repository)
    assert text(repository) == "two"


def test_another_branch_need_not_descend_from_the_current_commit(
    origin: Origin, repository: Repository, remote: Remote, tmp_path: Path
) -> None:
    origin.commit("one")
    repository.update()
    origin.git("checkout", "--quiet", "--orphan", "other")
    origin.commit("two")
    other = Repository(replace(remote, ref="other"), tmp_path / "state")

    assert other.in_force() is None
    assert other.update()
    assert text(other) == "two"


def test_pinned_commit_takes_precedence_over_a_branch_of_that_name(
    origin: Origin, remote: Remote, tmp_path: Path
) -> None:
    pinned = origin.commit("one")
    origin.git("update-ref", f"refs/heads/{pinned}", origin.commit("two"))
    repository = Repository(replace(remote, ref=pinned), tmp_path / "state")

    repository.update()

    assert text(repository) == "one"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://alice:secret@git.example.org/x.git", "https://git.example.org/x.git"),
        ("https://secret@git.example.org:8443/x.git", "https://git.example.org:8443/x.git"),
        ("ssh://git@git.example.org/x.git", "ssh://git@git.example.org/x.git"),
        ("git@git.example.org:x.git", "git@git.example.org:x.git"),
        ("/srv/a@b", "/srv/a@b"),
    ],
)
def test_url_is_shown_without_credentials(url: str, shown: str) -> None:
    assert Remote(url).name == shown


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "is not signed"),
        ("mallory", "is signed by a key that git.allowedSigners does not allow to sign commits"),
    ],
)
def test_commit_without_allowed_signature_is_never_used(
    origin: Origin, remote: Remote, tmp_path: Path, key: str, problem: str
) -> None:
    signers = origin.allow("alice")
    repository = Repository(replace(remote, allowed_signers=signers), tmp_path / "state")
    origin.commit("one", key="alice")
    repository.update()
    found = repository.in_force()
    assert found
    assert found[0].signer == "alice"
    commit = origin.commit("two", key=key)

    message = refusal(repository)

    assert f"commit {commit[:12]} {problem}" in message
    assert str(signers) in message
    assert text(repository) == "one"


def test_commit_that_was_changed_after_it_was_signed_is_never_used(
    origin: Origin, remote: Remote, tmp_path: Path
) -> None:
    repository = Repository(replace(remote, allowed_signers=origin.allow("alice")), tmp_path / "state")
    origin.commit("one", key="alice")
    forged = origin.git("cat-file", "commit", "HEAD").replace("\n\none", "\n\nnot what was signed") + "\n"
    origin.put(forged)

    assert "has a bad signature" in refusal(repository)
    assert repository.in_force() is None


BELIEVES = """#!/bin/sh
echo "[GNUPG:] NEWSIG"
echo "[GNUPG:] GOODSIG 0123456789ABCDEF mallory"
echo "[GNUPG:] VALIDSIG 0123456789ABCDEF0123456789ABCDEF01234567 2026-11-23 0 0 4 0 1 8 00 -"
echo "[GNUPG:] TRUST_ULTIMATE 0 pgp"
"""


@pytest.mark.parametrize(
    ("program", "form"), [("gpg", "PGP SIGNATURE"), ("gpgsm", "SIGNED MESSAGE")], ids=["openpgp", "x509"]
)
def test_signature_trusted_by_a_local_keyring_is_not_accepted(
    origin: Origin, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, form: str
) -> None:
    believer = tmp_path / "bin" / program
    believer.parent.mkdir()
    believer.write_text(BELIEVES)
    believer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{believer.parent}:{os.environ['PATH']}")
    origin.commit("one")
    head, _, message = origin.git("cat-file", "commit", "HEAD").partition("\n\n")
    signed = f"{head}\ngpgsig -----BEGIN {form}-----\n \n AAAA\n -----END {form}-----\n\n{message}\n"
    origin.put(signed)
    repository = Repository(replace(remote, allowed_signers=origin.allow("alice")), tmp_path / "state")

    assert "sign the commit with an SSH key that" in refusal(repository)
    assert repository.in_force() is None


def test_missing_allowed_signers_file_refuses_every_commit(
    origin: Origin, remote: Remote, tmp_path: Path
) -> None:
    origin.commit("one", key="alice")
    repository = Repository(replace(remote, allowed_signers=tmp_path / "none"), tmp_path / "state")

    assert f"git.allowedSigners: {tmp_path}/none cannot be found or is not a file" in refusal(repository)
    assert repository.in_force() is None


def test_damaged_mirror_is_created_again(origin: Origin, repository: Repository, tmp_path: Path) -> None:
    origin.commit("one")
    repository.update()
    for file in (tmp_path / "state/git/mirror.git/objects").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(b"")
    origin.commit("two")

    assert repository.update()
    assert text(repository) == "two"


def test_damaged_revision_is_checked_out_again(origin: Origin, repository: Repository) -> None:
    origin.commit("one")
    repository.update()
    found = repository.in_force()
    assert found
    shutil.rmtree(found[1].parent)
    assert repository.in_force() is None

    assert repository.update()
    assert text(repository) == "one"


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("")], ids=["gone", "cut short"])
def test_revision_with_a_damaged_file_is_not_used_and_checked_out_again(
    origin: Origin, repository: Repository, damage: Callable[[Path], object]
) -> None:
    origin.commit("one")
    origin.commit("two", name="deep/b.yaml")
    repository.update()
    found = repository.in_force()
    assert found
    damage(found[1] / "deep/b.yaml")
    assert repository.in_force() is None

    assert repository.update()
    found = repository.in_force()
    assert found
    assert (found[1] / "deep/b.yaml").read_text() == "two"


def test_damaged_revision_does_not_allow_a_reset_to_an_older_commit(
    origin: Origin, repository: Repository
) -> None:
    origin.commit("one")
    origin.commit("two")
    repository.update()
    found = repository.in_force()
    assert found
    shutil.rmtree(found[1])
    origin.git("reset", "--quiet", "--hard", "HEAD~1")

    assert "does not descend" in refusal(repository)
    assert repository.in_force() is None


def test_leftovers_of_a_killed_process_are_removed(
    origin: Origin, repository: Repository, tmp_path: Path
) -> None:
    origin.commit("one")
    repository.update()
    half = tmp_path / "state/git/revisions/new-half"
    (half / "specs").mkdir(parents=True)
    origin.commit("two")

    repository.update()

    assert not half.exists()


def test_repository_content_runs_no_program(origin: Origin, repository: Repository, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (origin.path / ".gitattributes").write_text("*.yaml filter=evil\n")
    origin.git("config", "filter.evil.smudge", f"touch {ran}")
    origin.commit("one")

    repository.update()

    assert text(repository) == "one"
    assert not ran.exists()


@pytest.mark.case("44")
@pytest.mark.parametrize(
    "attributes",
    ["text eol=crlf", "ident", "working-tree-encoding=UTF-16", "working-tree-encoding=none", "crlf"],
)
def test_files_are_checked_out_exactly_as_committed(
    origin: Origin, repository: Repository, attributes: str
) -> None:
    committed = "# $Id$ ü\none\r\ntwo\n"
    origin.commit(committed)
    (origin.path / ".gitattributes").write_text(f"*.yaml {attributes}\n")
    origin.git("add", ".gitattributes")
    origin.git("commit", "--quiet", "--message=attributes")

    repository.update()

    found = repository.in_force()
    assert found
    assert (found[1] / "a.yaml").read_bytes().decode() == committed


def test_repository_that_would_run_a_program_is_refused(origin: Origin, repository: Repository) -> None:
    (origin.path / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = y\n\tupdate = !z\n')
    origin.commit("one")

    assert "disallowed submodule update setting" in refusal(repository)
    assert repository.in_force() is None


@pytest.mark.parametrize("url", ["ext::sh -c true", "git://192.0.2.1/x", "http://192.0.2.1/x"])
def test_insecure_transport_is_refused(tmp_path: Path, url: str) -> None:
    message = refusal(Repository(Remote(url), tmp_path / "state"))

    assert "not allowed; use one of file, ssh, https" in message


def test_password_is_never_shown(tmp_path: Path) -> None:
    message = refusal(Repository(Remote("https://joe:s3cret@127.0.0.1:1/x"), tmp_path / "state"))

    assert message.startswith("https://127.0.0.1:1/x: git ls-remote failed")
    assert "s3cret" not in message


def test_unwritable_state_is_reported(origin: Origin, remote: Remote, tmp_path: Path) -> None:
    origin.commit("one")
    (tmp_path / "state").write_text("a file")

    assert f"{tmp_path}/state" in refusal(Repository(remote, tmp_path / "state"))


@pytest.mark.parametrize(
    "left",
    [
        "config.lock",
        "packed-refs.lock",
        "shallow.lock",
        "refs/heads/main.lock",
        "objects/pack/tmp_pack_a1b2c3",
        "objects/pack/pack-a1b2c3.pack.temp",
    ],
)
def test_leftovers_of_a_killed_git_are_removed(
    origin: Origin, repository: Repository, tmp_path: Path, left: str
) -> None:
    origin.commit("one")
    repository.update()
    commit = origin.commit("two")
    file = tmp_path / "state/git/mirror.git" / left
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")

    repository.update()

    found = repository.in_force()
    assert found
    assert found[0].commit == commit


def test_running_git_is_awaited(
    origin: Origin, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LOCK_S", 0.2)
    origin.commit("one")
    repository.update()
    handle = os.open(tmp_path / "state/git/lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    # As a git that was called by a process that was killed.
    child = subprocess.Popen(("sleep", "60"), pass_fds=[handle])
    os.close(handle)

    shown: list[str] = []
    with pytest.raises(
        SourceError,
        match="the local copy of the repository is in use by another kvmreconcile process, or a git process that it started",
    ):
        repository.update(shown.append)

    assert (
        shown[0]
        == "waiting for another kvmreconcile process, or a git process that it started (0 s of 0.2 s)"
    )
    child.kill()
    child.wait()
    assert not repository.update()


@pytest.mark.case("17")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for others")
def test_configuration_of_the_mirror_is_ignored_and_git_runs_as_its_owner() -> None:
    with TemporaryDirectory(dir="/var/tmp") as made:
        home, state = Path(made), Path(made, "state")
        origin = Origin(home)
        origin.commit("one")
        state.mkdir()
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", made], check=True)
        repository = Repository(Remote(str(origin.path)), state)
        repository.update()
        subprocess.run(
            ["git", "config", "-f", state / "git/mirror.git/config", "alias.whoami", "!id -u"], check=True
        )
        git = Git(state / "git/mirror.git", state, Remote("here"))

        with pytest.raises(SourceError, match="whoami"):
            git.output("whoami")

        assert git.output("whoami", settings={"alias.whoami": "!id -u"}) == str(NOBODY)
        assert {path.lstat().st_uid for path in state.rglob("*")} == {NOBODY}


@pytest.mark.case("17")
@pytest.mark.parametrize("url", ["ext::sh -c id", "-u id", "--upload-pack=id", "fd::17"])
def test_url_that_names_a_program_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be a URL or a path"):
        Settings.model_validate({"git": {"url": url}})


@pytest.mark.parametrize(
    "ref",
    ["main~1", "main^", "main^{commit}", "main@{1}", "a..b", "@", ":/fix", "-x", "a b", "*", "/a", "a.lock"],
)
def test_revision_instead_of_a_name_is_refused(ref: str) -> None:
    with pytest.raises(ValidationError, match="is not the name of a branch or tag, or the full hash"):
        Settings.model_validate({"git": {"url": "x", "ref": ref}})


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/pull/1/head"])
def test_full_name_of_a_ref_is_refused(ref: str) -> None:
    with pytest.raises(
        ValidationError, match='use the short name of a branch or tag, such as "main" for "refs/heads/main"'
    ):
        Settings.model_validate({"git": {"url": "x", "ref": ref}})


@pytest.mark.parametrize("ref", ["main", "v1.2", "session/a", "gr\u00fcn", "a@b", "a{b", "c" * 40])
def test_name_of_a_branch_or_tag_is_accepted(ref: str) -> None:
    git = Settings.model_validate({"git": {"url": "x", "ref": ref}}).git
    assert git
    assert git.ref == ref


def test_git_inherits_the_lock(remote: Remote, tmp_path: Path) -> None:
    git = Git(tmp_path, tmp_path, remote)
    handle = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    held = f"!test /proc/self/fd/{handle} -ef '{tmp_path}/lock' && echo held || echo free"

    with git.inheriting(handle):
        inside = git.output("held", settings={"alias.held": held})
    outside = git.output("held", settings={"alias.held": held})
    os.close(handle)

    assert (inside, outside) == ("held", "free")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for others")
def test_key_unreadable_by_the_state_owner_is_reported() -> None:
    with TemporaryDirectory(dir="/var/tmp") as made:
        state, key = Path(made, "state"), Path(made, "private/key")
        state.mkdir()
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", made], check=True)
        key.parent.mkdir(mode=0o700)
        key.touch(0o600)
        remote = Remote("ssh://git@127.0.0.1:1/x", credentials=Credentials(ssh_key=key))

        message = refusal(Repository(remote, state))

    assert f"{key} not accessible: Permission denied" in message
    assert (
        "let the owner of the state directory search the directory of git.sshKey and read the key" in message
    )
