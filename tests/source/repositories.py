"""
List kinds of repositories, and the result of fetching each.

A row makes the repository, fetches it, and returns the result; "…" replaces text that differs from run to run. If
`Place.is_full` is false, slow connections and large files are faster and smaller than the row's name says.
"""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.origin import ENVIRONMENT, Origin
from tests.source.place import NOBODY, Place
from tests.source.servers import SLOW_LINE, https

SPEC = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: NAME}\nspec: {}\n"
ONE = "in force, objects: 1"
DEFECT = "git fetch failed: error: object …: zeroPaddedFilemode: contains zero-padded file modes; repair the history, …"
NO_MAIN = 'the repository offers no branch, tag or full commit hash "main"; correct git.ref'
NO_DESCENT = "commit … does not descend from …, the last commit that was used; push a descendant of that commit, or set git.allowRewind: true until this commit is in use"
NOT_SIGNED = "commit … is not signed; sign the commit with an SSH key that … lists"
EXPIRED = (
    "commit … is signed by a key that was not allowed to sign commits when this host first checked the commit (… UTC); "
    "push a new commit that is signed with a valid key, or set git.trustCommit: …"
)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Row:
    """
    A kind of repository.

    Attributes:
        expected: The expected result.
        make: Makes the repository, fetches it and returns the result.
        cases: Numbers of the rows of tests/host_cases.yaml that the row covers.
        needs_root: Whether only root can make the repository.
    """

    name: str
    expected: str
    make: Callable[[Place], str]
    cases: tuple[str, ...] = ()
    needs_root: bool = False


def spec(name: str = "lab") -> str:
    return SPEC.replace("NAME", name)


def commit_files(place: Place, files: dict[str, str | bytes]) -> None:
    """Commit files beside the spec."""
    for name, content in files.items():
        file = place.origin.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    place.origin.git("add", "--all")
    place.origin.git("commit", "--quiet", "--message=files")


def commit_link(place: Place, name: str, target: str) -> None:
    file = place.origin.path / name
    file.parent.mkdir(exist_ok=True)
    file.symlink_to(target)
    place.origin.git("add", "--all")
    place.origin.git("commit", "--quiet", "--message=link")


def dated(place: Place, at: datetime, name: str = "lab", key: str = "") -> str:
    """Commit a spec with a date."""
    with place.monkeypatch.context() as patch:
        patch.setitem(ENVIRONMENT, "GIT_COMMITTER_DATE", at.isoformat())
        patch.setitem(ENVIRONMENT, "GIT_AUTHOR_DATE", at.isoformat())
        return place.origin.commit(spec(name), key=key)


def slow(place: Place) -> str:
    commit_files(place, {"blob": os.urandom(20_000_000 if place.is_full else 1_500_000)})
    place.put_ssh(SLOW_LINE.format(most=1 << 30))
    return place.outcome(place.ssh, timeout_s=3.0)


def large_branch(place: Place) -> str:
    place.origin.git("checkout", "--quiet", "-b", "images")
    commit_files(place, {"blob": os.urandom(400 << 20 if place.is_full else 4 << 20)})
    place.origin.git("tag", "v1")
    result = place.outcome()
    assert sum(each.stat().st_size for each in place.git_directory.rglob("*") if each.is_file()) < 1 << 20
    return result


def zero_padded(place: Place) -> None:
    origin = place.origin
    tree = origin.store("tree", b"0100644 old.yaml\0" + bytes.fromhex(origin.git("rev-parse", "HEAD:a.yaml")))
    old = origin.git("commit-tree", tree, "-m", "old")
    origin.git(
        "update-ref", "refs/heads/main", origin.git("commit-tree", "HEAD^{tree}", "-p", old, "-m", "now")
    )


def defect(place: Place) -> str:
    zero_padded(place)
    return place.outcome()


def accepted_defect(place: Place) -> str:
    zero_padded(place)
    return place.outcome(accept=("zeroPaddedFilemode",))


def foreign_owner(place: Place) -> str:
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", place.origin.path], check=True)
    return place.outcome()


def submodule(place: Place) -> str:
    modules = '[submodule "more"]\n\tpath = more\n\turl = https://git.example.org/more.git\n'
    (place.origin.path / ".gitmodules").write_text(modules)
    place.origin.git("add", "--all")
    link = f"160000,{place.origin.git('rev-parse', 'HEAD')},more"
    place.origin.git("update-index", "--add", "--cacheinfo", link)
    place.origin.git("commit", "--quiet", "--message=submodule")
    return place.outcome()


def lfs(place: Place) -> str:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    commit_files(place, {"b.yaml": pointer, ".gitattributes": "b.yaml filter=lfs diff=lfs merge=lfs -text\n"})
    return place.outcome()


def link_inside(place: Place) -> str:
    commit_files(place, {"common/network": spec("other")})
    commit_link(place, "b.yaml", "common/network")
    return place.outcome()


def link_out_of_directory(place: Place) -> str:
    commit_files(place, {"common/b.yaml": spec("other"), "hosts/a.yaml": spec("first")})
    commit_link(place, "hosts/b.yaml", "../common/b.yaml")
    return place.outcome(directory="hosts")


def link_to_directory(place: Place) -> str:
    """Commit a link to a directory whose file is a link to a third directory."""
    commit_files(
        place, {"base/b.yaml": spec("other"), "hosts/a.yaml": spec("first"), "net/c.yaml": spec("third")}
    )
    commit_link(place, "net/b.yaml", "../base/b.yaml")
    commit_link(place, "hosts/net", "../net")
    return place.outcome(directory="hosts")


def link_to_itself(place: Place) -> str:
    commit_files(place, {"net/b.yaml": spec("other"), "hosts/a.yaml": spec("first")})
    commit_link(place, "net/again", "../net")
    commit_link(place, "hosts/net", "../net")
    return place.outcome(directory="hosts")


def link_out_of_both(place: Place) -> str:
    """Commit a link to a file beside the repository."""
    (place.home / "secret.yaml").write_text(spec("secret"))
    commit_files(place, {"hosts/a.yaml": spec("first")})
    commit_link(place, "hosts/b.yaml", "../../secret.yaml")
    return place.outcome(directory="hosts")


def link_outside(place: Place) -> str:
    commit_link(place, "b.yaml", "/etc/hostname")
    return place.outcome()


def attributes(place: Place) -> str:
    crlf, text = spec("crlf").replace("\n", "\r\n"), spec("text") + "# $Id$\n"
    files = {"crlf.yaml": crlf, "text.yaml": text, "evil.yaml": spec("evil"), "utf.yaml": spec("utf")}
    commit_files(place, {**files})
    wanted = "crlf.yaml eol=lf\ntext.yaml ident eol=crlf\nevil.yaml filter=evil\nutf.yaml working-tree-encoding=UTF-16\n"
    (place.origin.path / ".gitattributes").write_text(wanted)
    place.origin.git("add", ".gitattributes")
    place.origin.git("commit", "--quiet", "--message=attributes")
    result = place.outcome()
    assert {name: (place.specs() / name).read_bytes().decode() for name in files} == files
    return result


def crlf(place: Place) -> str:
    commit_files(place, {"a.yaml": spec().replace("\n", "\r\n")})
    result = place.outcome()
    assert b"\r\n" in (place.specs() / "a.yaml").read_bytes()
    return result


def case_collision(place: Place) -> str:
    commit_files(place, {"A.yaml": spec("other")})
    return place.outcome()


def renamed_branch(place: Place) -> str:
    place.outcome()
    place.origin.git("branch", "--move", "main", "trunk")
    return place.outcome()


def deleted_branch(place: Place) -> str:
    place.origin.git("branch", "lab")
    assert place.outcome(ref="lab") == ONE
    place.origin.git("branch", "--delete", "lab")
    result = place.outcome(ref="lab")
    assert (place.specs(ref="lab") / "a.yaml").exists()
    return result


def shallow(place: Place) -> str:
    place.origin.commit(spec("two"))
    clone = [
        "git",
        "clone",
        "--quiet",
        "--depth=1",
        f"file://{place.origin.path}",
        str(place.home / "shallow"),
    ]
    subprocess.run(clone, check=True)
    return place.outcome(str(place.home / "shallow"))


def expired(place: Place) -> Path:
    """Return a file of allowed signers whose key expired a year ago."""
    signers, end = place.origin.allow("alice"), datetime.now(UTC) - YEAR
    name, _, key = signers.read_text().partition(" ")
    signers.write_text(f'{name} valid-before="{end:%Y%m%d}" {key}')
    return signers


def checked_before(place: Place) -> str:
    commit = place.origin.commit(spec("other"), key="alice")
    file = place.git_directory / "first-checked.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({commit: (datetime.now(UTC) - 2 * YEAR).isoformat()}))
    return place.outcome(allowed_signers=expired(place))


def checked_after(place: Place) -> str:
    place.origin.commit(spec("other"), key="alice")
    return place.outcome(allowed_signers=expired(place))


def trusted_commit(place: Place) -> str:
    commit = place.origin.commit(spec("other"), key="alice")
    return place.outcome(allowed_signers=expired(place), trust_commit=commit)


def backdated(place: Place) -> str:
    dated(place, datetime.now(UTC) - 2 * YEAR, "other", key="alice")
    return place.outcome(allowed_signers=expired(place))


def older_than_the_one_before(place: Place) -> str:
    place.outcome()
    dated(place, datetime.now(UTC) - 2 * YEAR, "other")
    return place.outcome()


def rebased(place: Place) -> str:
    first = place.origin.git("rev-parse", "HEAD")
    dated(place, datetime.now(UTC) - 2 * YEAR, "other")
    assert place.outcome() == ONE
    place.origin.git("checkout", "--quiet", "-b", "upstream", first)
    commit_files(place, {"b.yaml": spec("upstream")})
    place.origin.git("checkout", "--quiet", "main")
    place.origin.git("rebase", "--quiet", "--committer-date-is-author-date", "upstream")
    return place.outcome()


def forced(place: Place) -> str:
    place.outcome()
    place.origin.git("commit", "--quiet", "--amend", "--message=amended")
    return place.outcome()


def allowed_force(place: Place) -> str:
    forced(place)
    return place.outcome(allow_rewind=True)


def merge(place: Place, *signed: str) -> str:
    place.origin.git("checkout", "--quiet", "-b", "topic")
    place.origin.commit(spec("other"), name="b.yaml")
    place.origin.git("checkout", "--quiet", "main")
    place.origin.git(*signed[:-1], "merge", "--quiet", "--no-ff", *signed[-1:], "--message=merge", "topic")
    return place.outcome(allowed_signers=place.origin.allow("alice"))


def signed_merge(place: Place) -> str:
    key = f"user.signingKey={place.origin.key('alice')}"
    return merge(place, "-c", "gpg.format=ssh", "-c", key, "--gpg-sign")


def empty(place: Place) -> str:
    bare = place.home / "empty"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    return place.outcome(str(bare))


def tag(place: Place) -> str:
    place.origin.git("tag", "--annotate", "--message=release", "v1")
    place.origin.git("tag", "--annotate", "--message=tag of a tag", "v2", "v1")
    assert place.outcome(ref="v1") == ONE
    return place.outcome(ref="v2")


def moved_tag(place: Place) -> str:
    place.origin.git("tag", "--annotate", "--message=release", "v1")
    place.outcome(ref="v1")
    place.origin.git("commit", "--quiet", "--amend", "--message=amended")
    place.origin.git("tag", "--force", "--annotate", "--message=release", "v1")
    return place.outcome(ref="v1")


def tag_of_a_tree(place: Place) -> str:
    place.origin.git("tag", "--annotate", "--message=tree", "v1", "HEAD^{tree}")
    return place.outcome(ref="v1")


def signed_tag(place: Place) -> str:
    key = f"user.signingKey={place.origin.key('alice')}"
    place.origin.git("-c", "gpg.format=ssh", "-c", key, "tag", "--sign", "--message=release", "v1")
    return place.outcome(ref="v1", allowed_signers=place.origin.allow("alice"))


def dumb_https(place: Place) -> str:
    place.origin.git("update-server-info")
    with https(place.origin.path / ".git", place.home) as (served, trusted):
        place.monkeypatch.setenv("GIT_SSL_CAINFO", str(trusted))
        return place.outcome(served)


def sha256(place: Place) -> str:
    other = Origin(place.home / "other", "sha256")
    other.commit(spec())
    return place.outcome(str(other.path))


DEFAULT = '(the default branch is "…"), or push the branch, tag or commit that it names'
ROWS = (
    Row("server at 250 kB/s", ONE, slow, ("40",)),
    Row("400 MB on another branch and a tag", ONE, large_branch, ("41",)),
    Row("zero-padded modes", DEFECT, defect, ("42",)),
    Row("zero-padded modes, accepted", ONE, accepted_defect, ("42",)),
    Row(
        "owned by another user",
        "git ls-remote failed: detected dubious ownership in repository at '…'; change the owner of the repository: on this host to the owner of the state directory …",
        foreign_owner,
        ("43",),
        needs_root=True,
    ),
    Row("submodule", "in force, objects: 1; more:1:1: is a submodule that is not checked out; …", submodule),
    Row("Git LFS pointer as a spec", "in force, objects: 1; b.yaml:1:1: the file is a Git LFS pointer instead of the content; …", lfs),
    Row("link to a file inside", "in force, objects: 2", link_inside),
    Row("link out of git.directory", "in force, objects: 2", link_out_of_directory),
    Row("link to a directory out of git.directory", "in force, objects: 3", link_to_directory),
    Row("link to a directory that links to itself", "in force, objects: 2; hosts/net/again:1:1: …", link_to_itself),
    Row("link out of git.directory and the repository", "in force, objects: 1; hosts/b.yaml:1:1: the symbolic link leads outside the directory of specs; …", link_out_of_both),
    Row("link out of the repository", "in force, objects: 1; b.yaml:1:1: the symbolic link leads outside the directory of specs; …", link_outside),
    Row("attributes: eol, ident, filter, encoding", "in force, objects: 5", attributes, ("44",)),
    Row("CRLF", ONE, crlf, ("44",)),
    Row("A.yaml and a.yaml", "in force, objects: 2", case_collision),
    Row("renamed default branch", f'{NO_MAIN} (the default branch is "trunk"), or push the branch, tag or commit that it names', renamed_branch),
    Row("deleted branch", f'the repository offers no branch, tag or full commit hash "lab"; correct git.ref {DEFAULT}', deleted_branch),
    Row("empty", f"{NO_MAIN}, or push the branch, tag or commit that it names", empty),
    Row("shallow clone on the server", 'the repository is a shallow clone, which lacks part of its history; run "git fetch --unshallow" in that repository', shallow),
    Row("objects with SHA-256 names", "the repository's objects have SHA-256 names, which are not supported; use a repository with SHA-1 object names", sha256),
    Row("expired key, commit checked before", ONE, checked_before, ("45",)),
    Row("expired key, commit checked after", EXPIRED, checked_after, ("45",)),
    Row("expired key, trustCommit", ONE, trusted_commit, ("45",)),
    Row("expired key, backdated commit", EXPIRED, backdated, ("45",)),
    Row("commit that is dated before its parent", ONE, older_than_the_one_before, ("45",)),
    Row("rebased with old dates", NO_DESCENT, rebased),
    Row("forced push", NO_DESCENT, forced),
    Row("forced push, allowRewind", ONE, allowed_force),
    Row("merge commit, signed", "in force, objects: 2", signed_merge),
    Row("merge commit, not signed", NOT_SIGNED, merge),
    Row("annotated tag, and a tag of it", ONE, tag),
    Row("tag that was moved", NO_DESCENT, moved_tag),
    Row("tag of a tree", 'tag "v1" names no commit; correct git.ref', tag_of_a_tree),
    Row("signed tag of a commit that is not signed", NOT_SIGNED, signed_tag),
    Row("web server that only serves files", ONE, dumb_https),
)  # fmt: skip
