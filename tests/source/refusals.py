"""Produce each error of docs/git.md: one function each, which returns the message."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kvmreconcile.errors import SourceError, SpecError
from kvmreconcile.settings.loading import read_settings
from kvmreconcile.source.git import Remote, Repository, command, lock, repository
from kvmreconcile.source.git.remote import Credentials
from tests.hostile.states import deep
from tests.origin import Origin
from tests.source.place import NOBODY, Place
from tests.source.servers import SLOW_LINE, https

Produce = Callable[[Place], str]
ROWS: dict[str, Produce] = {}
AS_ROOT = ("ssh-key-hidden", "repository-unreadable", "owner", "no-space", "signers-unreadable")
"""Errors that only root can cause."""


def row(name: str) -> Callable[[Produce], Produce]:
    def add(produce: Produce) -> Produce:
        ROWS[name] = produce
        return produce

    return add


def setting(git: str) -> Produce:
    """Return a function that reads invalid settings."""

    def produce(_place: Place) -> str:
        with pytest.raises(SpecError) as caught:
            read_settings(None, {"KVMRECONCILE_GIT": f"{{url: x, {git}}}"})
        return str(caught.value)

    return produce


def ssh_prints(text: str) -> Produce:
    """Return a function that fetches with an ssh that fails with the output of a real one."""

    def produce(place: Place) -> str:
        place.put_ssh(f"import sys\nsys.stderr.write({text!r})\nsys.exit(255)\n")
        return place.refusal(place.ssh)

    return produce


DENIED = "git@localhost: Permission denied (publickey).\r\n"
ROWS |= {
    "ref-revision": setting("ref: main~1"),
    "ref-full": setting("ref: refs/heads/main"),
    "directory-up": setting("directory: ../x"),
    "trust-commit": setting("trustCommit: abc"),
    "accept": setting("accept: [nulInHeader]"),
    "transport": lambda place: place.refusal("http://127.0.0.1/x"),
    "unreachable": lambda place: place.refusal("https://127.0.0.1:1/x"),
    "host-key": ssh_prints(
        "No ED25519 host key is known for localhost.\r\nHost key verification failed.\r\n"
    ),
    "ssh-refused": ssh_prints(DENIED),
    "ssh-key-unreadable": ssh_prints(f'Load key "/etc/kvmreconcile/id": Permission denied\r\n{DENIED}'),
    "ssh-key-open": ssh_prints(f'Load key "/etc/kvmreconcile/id": bad permissions\r\n{DENIED}'),
    "ssh-key-format": ssh_prints(f'Load key "/etc/kvmreconcile/id": invalid format\r\n{DENIED}'),
    "ssh-key-missing": ssh_prints(
        f"Warning: Identity file /etc/kvmreconcile/id not accessible: No such file or directory.\n{DENIED}"
    ),
    "no-reason": ssh_prints(""),
    "server-git-missing": ssh_prints("bash: line 1: git-upload-pack: command not found\n"),
    "no-repository": lambda place: place.refusal(str(place.home)),
    "ref-missing": lambda place: place.refusal(ref="mian"),
    "no-directory": lambda place: place.refusal(directory="hosts"),
}


@row("url")
def url(_place: Place) -> str:
    with pytest.raises(SpecError) as caught:
        read_settings(None, {"KVMRECONCILE_GIT": '{url: "ext::id"}'})
    return str(caught.value)


@row("git-missing")
def git_missing(place: Place) -> str:
    place.hide("git")
    return place.refusal()


def put_git(place: Place, script: str, mode: int = 0o755) -> None:
    """Put a shell script in place of git."""
    program = place.home / "programs/git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(mode)
    place.monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@row("git-unusable")
def git_unusable(place: Place) -> str:
    put_git(place, "exit 0", 0o644)
    place.monkeypatch.setenv("PATH", str(place.home / "programs"))
    return place.refusal()


@row("ssh-key-hidden")
def ssh_key_hidden(place: Place) -> str:
    with TemporaryDirectory(dir="/var/tmp") as made:
        state, key = Path(made, "state"), Path(made, "private/key")
        state.mkdir()
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", made], check=True)
        key.parent.mkdir(mode=0o700)
        key.touch(0o600)
        remote = Remote("ssh://git@127.0.0.1:1/x", credentials=Credentials(ssh_key=key))
        return refusal(Repository(remote, state))


@row("certificate")
def certificate(place: Place) -> str:
    with https(place.origin.path / ".git", place.home) as (served, _):
        return place.refusal(served)


def web(place: Place, url: str, trusted: Path, **options: object) -> str:
    place.monkeypatch.setenv("GIT_SSL_CAINFO", str(trusted))
    return place.refusal(url, **options)


@row("password-missing")
def password_missing(place: Place) -> str:
    with https(place.origin.path / ".git", place.home, "alice:right") as (served, trusted):
        return web(place, served, trusted)


@row("password-wrong")
def password_wrong(place: Place) -> str:
    passwords = place.home / "passwords"
    with https(place.origin.path / ".git", place.home, "alice:right") as (served, trusted):
        passwords.write_text(served.replace("//", "//alice:wrong@") + "\n")
        return web(place, served, trusted, credentials=Credentials(passwords=passwords))


@row("not-found")
def not_found(place: Place) -> str:
    with https(place.origin.path / ".git", place.home) as (served, trusted):
        return web(place, served, trusted)


@row("owner")
def owner(place: Place) -> str:
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", place.origin.path], check=True)
    return place.refusal()


@row("repository-unreadable")
def repository_unreadable(place: Place) -> str:
    with TemporaryDirectory(dir="/var/tmp") as made:
        state, served = Path(made, "state"), Path(made, "served")
        state.mkdir()
        subprocess.run(["git", "init", "--quiet", "--bare", served], check=True)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", made], check=True)
        (served / "packed-refs").touch(0)
        return refusal(Repository(Remote(str(served)), state))


def refusal(repository: Repository) -> str:
    with pytest.raises(SourceError) as caught:
        repository.update()
    return str(caught.value)


@row("no-answer-local")
def no_answer_local(place: Place) -> str:
    put_git(place, "exec sleep 60")
    return place.refusal(timeout_s=0.5)


@row("git-state")
def git_state(place: Place) -> str:
    (place.home / "state/git/mirror.git").mkdir(parents=True)
    (place.home / "state/git/mirror.git/objects").write_text("a file")
    return place.refusal()


@row("no-answer")
def no_answer(place: Place) -> str:
    place.put_ssh(SLOW_LINE.format(most=0))
    return place.refusal(place.ssh, timeout_s=1.0)


@row("sha256")
def sha256(place: Place) -> str:
    other = Origin(place.home / "other", "sha256")
    other.commit("one")
    return place.refusal(str(other.path))


@row("no-commit")
def no_commit(place: Place) -> str:
    place.origin.git("tag", "--annotate", "--message=tree", "v1", "HEAD^{tree}")
    return place.refusal(ref="v1")


@row("no-progress")
def no_progress(place: Place) -> str:
    add_blob(place, 1_000_000)
    place.put_ssh(SLOW_LINE.format(most=200_000))
    return place.refusal(place.ssh, timeout_s=4.0)


def add_blob(place: Place, size: int) -> None:
    (place.origin.path / "blob").write_bytes(os.urandom(size))
    place.origin.commit("blob")


@row("too-large")
def too_large(place: Place) -> str:
    add_blob(place, 3 << 20)
    return place.refusal(max_download=1 << 20)


def add_defect(place: Place) -> None:
    origin = place.origin
    blob = origin.git("rev-parse", "HEAD:a.yaml")
    tree = origin.store("tree", b"0100644 old.yaml\0" + bytes.fromhex(blob))
    old = origin.git("commit-tree", tree, "-m", "old")
    origin.git(
        "update-ref", "refs/heads/main", origin.git("commit-tree", "HEAD^{tree}", "-p", old, "-m", "now")
    )


@row("defect")
def defect(place: Place) -> str:
    add_defect(place)
    return place.refusal()


@row("defect-web")
def defect_web(place: Place) -> str:
    add_defect(place)
    place.origin.git("update-server-info")
    with https(place.origin.path / ".git", place.home) as (served, trusted):
        return web(place, served, trusted)


@row("shallow")
def shallow(place: Place) -> str:
    place.origin.commit("two")
    clone = [
        "git",
        "clone",
        "--quiet",
        "--depth=1",
        f"file://{place.origin.path}",
        str(place.home / "shallow"),
    ]
    subprocess.run(clone, check=True)
    return place.refusal(str(place.home / "shallow"))


@row("no-space")
def no_space(place: Place) -> str:
    add_blob(place, 1_000_000)
    (place.home / "state").mkdir()
    script = 'mount -t tmpfs -o size=400k tmpfs "$KVMRECONCILE_STATE" && exec "$@"'
    finished = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-m", "kvmreconcile", "fetch"],
        env=os.environ | {"KVMRECONCILE_STATE": str(place.home / "state"), "KVMRECONCILE_GIT": f"{{url: {place.origin.path}}}"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert finished.returncode == 1
    return finished.stderr.strip()


@row("busy")
def busy(place: Place) -> str:
    place.monkeypatch.setattr(lock, "LOCK_S", 0.2)
    (place.home / "state/git").mkdir(parents=True)
    with (place.home / "state/git/lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        return place.refusal()


@row("too-many-messages")
def too_many_messages(place: Place) -> str:
    place.put_ssh("import sys\nwhile True:\n    sys.stderr.write('busy' * 10_000)\n")
    return place.refusal(place.ssh)


@row("too-many-defects")
def too_many_defects(place: Place) -> str:
    put_git(place, 'case " $* " in *" fsck "*) exec cat /dev/zero >&2;; esac\nexec /usr/bin/git "$@"')
    place.origin.git("update-server-info")
    with https(place.origin.path / ".git", place.home) as (served, trusted):
        return web(place, served, trusted)


@row("too-much-output")
def too_much_output(place: Place) -> str:
    for number in range(500):
        (place.origin.path / f"{number}.yaml").touch()
    place.origin.commit("many files")
    place.monkeypatch.setattr(command, "_LONGEST", 20_000)
    return place.refusal()


@row("no-signers")
def no_signers(place: Place) -> str:
    return place.refusal(allowed_signers=place.home / "none")


@row("signers-unreadable")
def signers_unreadable(place: Place) -> str:
    place.origin.commit("two", key="mallory")
    with TemporaryDirectory(dir="/var/tmp") as made:
        state, signers, served = Path(made, "state"), Path(made, "signers"), Path(made, "served")
        state.mkdir()
        subprocess.run(["git", "clone", "--quiet", "--bare", place.origin.path, served], check=True)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", made], check=True)
        signers.write_bytes(place.origin.allow("alice").read_bytes())
        signers.chmod(0o600)
        return refusal(Repository(Remote(str(served), allowed_signers=signers), state))


@row("signers-large")
def signers_large(place: Place) -> str:
    place.origin.commit("two", key="mallory")
    signers = place.origin.allow("alice")
    signers.write_text(signers.read_text() + "# a comment\n" * 100_000)
    return place.refusal(allowed_signers=signers)


@row("ssh-keygen-missing")
def ssh_keygen_missing(place: Place) -> str:
    place.origin.commit("two", key="alice")
    signers = place.origin.allow("alice")
    place.hide("ssh-keygen")
    return place.refusal(allowed_signers=signers)


@row("not-signed")
def not_signed(place: Place) -> str:
    return place.refusal(allowed_signers=place.origin.allow("alice"))


def with_header(place: Place, header: str) -> str:
    head, _, message = place.origin.git("cat-file", "commit", "HEAD").partition("\n\n")
    place.origin.put(f"{head}\n{header}\n\n{message}\n")
    return place.refusal(allowed_signers=place.origin.allow("alice"))


@row("other-signature")
def other_signature(place: Place) -> str:
    return with_header(place, "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----")


@row("bad-signature")
def bad_signature(place: Place) -> str:
    return with_header(place, "gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----")


@row("large-commit")
def large_commit(place: Place) -> str:
    return with_header(place, "gpgsig -----BEGIN SSH SIGNATURE-----\n" + " ab\n" * (1 << 19) + " -----END")


@row("unlisted-key")
def unlisted_key(place: Place) -> str:
    place.origin.commit("two", key="mallory")
    return place.refusal(allowed_signers=place.origin.allow("alice"))


@row("expired-key")
def expired_key(place: Place) -> str:
    place.origin.commit("two", key="alice")
    signers, expired = place.origin.allow("alice"), datetime.now(UTC) - timedelta(days=2)
    name, _, key = signers.read_text().partition(" ")
    signers.write_text(f'{name} valid-before="{expired:%Y%m%d}" {key}')
    return place.refusal(allowed_signers=signers)


@row("no-descent")
def no_descent(place: Place) -> str:
    place.repository().update()
    place.origin.git("commit", "--quiet", "--amend", "--message=other")
    return place.refusal()


@row("directory-submodule")
def directory_submodule(place: Place) -> str:
    link = f"160000,{place.origin.git('rev-parse', 'HEAD')},hosts"
    place.origin.git("update-index", "--add", "--cacheinfo", link)
    place.origin.git("commit", "--quiet", "--message=submodule")
    return place.refusal(directory="hosts")


def limit(name: str, most: int) -> Produce:
    """Return a function that fetches a commit that exceeds a limit."""

    def produce(place: Place) -> str:
        place.origin.commit("two", name="hosts/a.yaml")
        place.monkeypatch.setattr(repository, name, most)
        return place.refusal()

    return produce


ROWS |= {
    "many-files": limit("MAX_FILES", 1),
    "large-files": limit("MAX_SIZE", 1),
    "deep-files": limit("MAX_DEPTH", 0),
}


@row("state-unwritable")
def state_unwritable(place: Place) -> str:
    (place.home / "state").write_text("a file")
    return place.refusal()


@row("state-deep")
def state_deep(place: Place) -> str:
    state = place.home / "state"
    place.repository().update()
    try:
        deep(state / "git/mirror.git/objects/pack/tmp_x")
        return place.refusal()
    finally:
        # Python's own rmtree removes at most a thousand levels of directories.
        subprocess.run(["rm", "-rf", state], check=True)


@row("revisions-unwritable")
def revisions_unwritable(place: Place) -> str:
    (place.home / "state/git").mkdir(parents=True)
    (place.home / "state/git/revisions").write_text("a file")
    return place.refusal()
