"""Test that files which a checkout lacks are reported as problems, and that nothing is removed because of them."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.session.origin import find_origin, find_repository
from kvmreconcile.settings.git import GitSettings
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.file_names import Naming
from kvmreconcile.source.git import Remote, Repository
from kvmreconcile.source.git.revisions import Revisions
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.source.sparse import submodules
from tests.origin import Origin

NOBODY = 65534
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec: {}\n"
VOLUME = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {name: root.qcow2}
spec: {pool: default, capacity: 1GiB, source: {file: images/golden.img}}
"""


def read(path: Path, naming: Naming | None = None) -> Loaded:
    return load([path], {kind.name: kind for kind in KINDS}, "test", naming or Naming())


def problems(loaded: Loaded, directory: Path | None = None) -> list[str]:
    return [f"{p.where} {p.what}".replace(f"{directory}/", "") for p in loaded.problems]


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def fetched(origin: Origin, tmp_path: Path, directory: str = "") -> Loaded:
    """Return the specs of the newest commit, loaded as by commands and the daemon."""
    settings = Settings(state=tmp_path / "state", git=GitSettings(url=str(origin.path), directory=directory))
    repository = find_repository(settings)
    assert repository
    repository.update()
    found = find_origin([], settings)
    return read(Path(found.paths[0]), found.naming)


def add_submodule(origin: Origin, path: str) -> None:
    """Put a commit of another repository at a path, as `git submodule add` does."""
    commit = origin.git("rev-parse", "HEAD")
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    origin.git("commit", "--quiet", "--message=into a submodule")


@pytest.mark.case("9")
def test_submodule_in_a_repository_is_a_problem_at_its_place(origin: Origin, tmp_path: Path) -> None:
    origin.commit(NETWORK)
    add_submodule(origin, "web")
    add_submodule(origin, "deep/er")

    loaded = fetched(origin, tmp_path)

    assert problems(loaded) == [
        "deep/er:1:1 is a submodule that is not checked out",
        "web:1:1 is a submodule that is not checked out",
    ]
    assert list(loaded.desired) == [Key("Network", "lan")]
    assert not loaded.complete


@pytest.mark.case("9")
def test_submodule_outside_the_specs_directory_is_ignored(origin: Origin, tmp_path: Path) -> None:
    origin.commit(NETWORK, name="hosts/kvm1/lan.yaml")
    add_submodule(origin, "tools")

    loaded = fetched(origin, tmp_path, "hosts/kvm1")
    assert (loaded.problems, loaded.complete) == ((), True)

    add_submodule(origin, "hosts/kvm1/web")
    assert problems(fetched(origin, tmp_path, "hosts/kvm1")) == [
        "hosts/kvm1/web:1:1 is a submodule that is not checked out"
    ]


def test_directory_of_specs_that_is_a_submodule_is_refused(origin: Origin, tmp_path: Path) -> None:
    origin.commit(NETWORK)
    add_submodule(origin, "web")
    repository = Repository(Remote(str(origin.path), directory="web"), tmp_path / "state")

    with pytest.raises(Exception, match='"web" is a submodule'):
        repository.update()
    assert repository.in_force() is None


@pytest.mark.case("9")
def test_revision_checked_out_by_an_earlier_version_is_checked_out_again(
    origin: Origin, tmp_path: Path
) -> None:
    origin.commit(NETWORK)
    add_submodule(origin, "web")
    fetched(origin, tmp_path)
    about = next((tmp_path / "state/git/revisions").glob("current/revision.json"))
    about.write_text(
        about.read_text()
        .replace('"submodules"', '"of_old"')
        .replace('"of_old": [\n    "web"\n  ]', '"submodules": null')
    )
    found = Revisions(tmp_path / "state/git/revisions").in_force()
    assert found
    assert found[0].submodules is None

    assert problems(fetched(origin, tmp_path)) == ["web:1:1 is a submodule that is not checked out"]


@pytest.mark.case("9")
@pytest.mark.parametrize("name", ["a.yaml", "deep/a.yml", "data.json"])
def test_lfs_pointer_in_a_repository_is_a_problem_at_its_place(
    origin: Origin, tmp_path: Path, name: str
) -> None:
    origin.commit(NETWORK, name="lan.yaml")
    origin.commit(POINTER, name=name)

    loaded = fetched(origin, tmp_path)

    assert [line.partition(" is a Git LFS pointer")[0] for line in problems(loaded)] in (
        [f"{name}:1:1"],
        [f"{name}:1:1 the file"],
    )
    assert not loaded.complete


def test_unreferenced_lfs_pointer_outside_a_repository_is_not_a_problem(tmp_path: Path) -> None:
    (tmp_path / "lan.yaml").write_text(NETWORK)
    (tmp_path / "data.json").write_text(POINTER)
    (tmp_path / "logo.png").write_text(POINTER)

    loaded = read(tmp_path)

    assert (loaded.problems, loaded.complete) == ((), True)


@pytest.mark.case("9")
def test_lfs_pointer_as_content_freezes_the_object(origin: Origin, tmp_path: Path) -> None:
    origin.commit(POINTER, name="images/golden.img")
    origin.commit(VOLUME)

    loaded = fetched(origin, tmp_path)

    assert problems(loaded) == ["images/golden.img:1:1 is a Git LFS pointer instead of the content"]
    assert loaded.frozen == {Key("Volume", "default/root.qcow2")}
    assert loaded.desired == {}

    origin.commit("x" * 1024, name="images/golden.img")
    assert problems(fetched(origin, tmp_path)) == []


def test_missing_content_file_is_not_reported_as_an_lfs_pointer(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(VOLUME)

    assert read(tmp_path).problems == ()


MODULES = '[submodule "web"]\n\tpath = web\n\turl = ../web.git\n[submodule "db"]\n\tpath = "db"\n'


@pytest.mark.case("9")
def test_missing_submodule_of_a_work_tree_is_a_problem_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "lan.yaml").write_text(NETWORK)
    (tmp_path / ".gitmodules").write_text(MODULES)
    (tmp_path / "web").mkdir()

    loaded = read(tmp_path)

    assert problems(loaded, tmp_path) == [
        ".gitmodules:2:1 web is a submodule that is not checked out",
        '.gitmodules:5:1 "db" is a submodule that is not checked out',
    ]
    assert not loaded.complete


def test_submodule_that_is_checked_out_is_read(tmp_path: Path) -> None:
    (tmp_path / "lan.yaml").write_text(NETWORK)
    (tmp_path / ".gitmodules").write_text(MODULES.partition('[submodule "db')[0])
    (tmp_path / "web").mkdir()
    (tmp_path / "web/web.yaml").write_text(NETWORK.replace("lan", "web"))

    loaded = read(tmp_path)

    assert (loaded.problems, len(loaded.desired), loaded.complete) == ((), 2, True)


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """Yield a directory that all users may read, and afterwards become root again."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        is_root = os.geteuid() == 0
        yield path
        if is_root:
            os.seteuid(0)
        for each in path.rglob("*"):
            each.chmod(stat.S_IRWXU)


@pytest.mark.case("9")
@pytest.mark.parametrize("mode", [0o000, 0o300, 0o600])
def test_unreadable_directory_is_a_problem_at_its_place(as_nobody: Path, mode: int) -> None:
    (as_nobody / "lan.yaml").write_text(NETWORK)
    (as_nobody / "web").mkdir()
    (as_nobody / "web/web.yaml").write_text(NETWORK.replace("lan", "web"))
    (as_nobody / "lan.yaml").chmod(0o644)
    (as_nobody / "web").chmod(mode)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)

    loaded = read(as_nobody)

    assert len(loaded.problems) == 1
    assert loaded.problems[0].where.startswith(f"{as_nobody}/web")
    assert loaded.problems[0].what.startswith("cannot be read: Permission denied")
    assert list(loaded.desired) == [Key("Network", "lan")]
    assert not loaded.complete


def test_submodule_whose_directory_cannot_be_read_is_reported_as_unreadable(as_nobody: Path) -> None:
    (as_nobody / ".gitmodules").write_text(MODULES.partition('[submodule "db')[0])
    (as_nobody / ".gitmodules").chmod(0o644)
    (as_nobody / "web").mkdir()
    (as_nobody / "web").chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)

    assert [p.what for p in read(as_nobody).problems] == ["cannot be read: Permission denied"]


def test_gitmodules_symlink_is_not_reported_as_a_permission_problem(tmp_path: Path) -> None:
    (tmp_path / ".gitmodules").symlink_to("elsewhere")

    ((problem, _),) = submodules(tmp_path, "")

    assert problem.todo == "replace it with a regular file of at most 1 MiB"
