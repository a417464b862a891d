"""Test the ignore file of a directory of specs."""

import os
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.session.origin import find_origin, find_repository
from kvmreconcile.settings.git import GitSettings
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.ignore import MOST, Ignored
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.source.problem import LocatedProblem
from tests.origin import Origin
from tests.source.test_sparse import add_submodule

pytestmark = pytest.mark.case("46")

BY_NAME = {kind.name: kind for kind in KINDS}
PATTERNS = """\
# A comment

build/
/top.yaml
*.tmp.yaml
!keep.tmp.yaml
deep/**/x.yaml
docs/*.yaml
**/any
\\#hash.yaml
\\!bang.yaml
space\\ .yaml
trailing.yaml\x20\x20
web[0-9].yaml
!web7.yaml
a?.yaml
été.yaml
"""
NAMES = (
    "build/a.yaml", "sub/build/a.yaml", "top.yaml", "sub/top.yaml", "a.tmp.yaml", "keep.tmp.yaml", "deep/x.yaml",
    "deep/er/x.yaml", "deep/er/st/x.yaml", "deep/er/y.yaml", "docs/a.yaml", "docs/sub/a.yaml", "any/a.yaml",
    "sub/any/a.yaml", "#hash.yaml", "!bang.yaml", "space .yaml", "trailing.yaml", "web1.yaml", "web7.yaml",
    "webx.yaml", "ab.yaml", "abc.yaml", "été.yaml", "build.yaml", "keep/build/keep.tmp.yaml",
)  # fmt: skip


def network(name: str) -> str:
    return f"apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {{name: {name}}}\nspec: {{}}\n"


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        path = directory / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def ignore(directory: Path, *lines: str) -> None:
    (directory / ".kvmreconcileignore").write_text("".join(f"{line}\n" for line in lines))


def load_tree(directory: Path) -> Loaded:
    return load([directory], BY_NAME, "test")


def names(loaded: Loaded) -> list[str]:
    return [document.name for document in loaded.documents]


def left_out(loaded: Loaded, directory: Path) -> list[str]:
    return [each.name.replace(f"{directory}/", "") for each in loaded.coverage.excluded]


def problems(loaded: Loaded, directory: Path) -> list[str]:
    return [str(problem).replace(f"{directory}/", "") for problem in loaded.problems]


def test_ignored_files_are_not_read_and_cause_no_warning(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("a"), b_yaml="colour: red", old__c_yaml=network("c"), README_md="b.yaml")
    ignore(tmp_path, "b.yaml", "old/", "README.md")

    loaded = load_tree(tmp_path)

    assert (names(loaded), loaded.problems, loaded.complete, loaded.coverage.notes) == (["a"], (), True, ())
    assert left_out(loaded, tmp_path) == ["b.yaml", "old/"]


def test_ignore_file_applies_only_in_the_given_directory(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("a"), sub__b_yaml=network("b"))
    ignore(tmp_path / "sub", "b.yaml")
    assert names(load_tree(tmp_path)) == ["a", "b"]

    ignore(tmp_path, "a.yaml")
    assert names(load([tmp_path / "a.yaml"], BY_NAME, "test")) == ["a"]


def test_patterns_match_as_in_git(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(network(f"n{number}"))
    (tmp_path / ".kvmreconcileignore").write_text(PATTERNS)
    (tmp_path / ".gitignore").write_text(PATTERNS)
    plain = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, env=plain, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard", "*.yaml"],
        cwd=tmp_path, env=plain, check=True, capture_output=True, text=True,
    )  # fmt: skip

    loaded = load_tree(tmp_path)

    read = {os.path.relpath(document.source.file, tmp_path) for document in loaded.documents}
    assert read == {*filter(None, listed.stdout.split("\0"))}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a.yaml\n!\n", 2),
        (b"a.yaml\\\n", 1),
        (b"[z-a].yaml\n", 1),
        (b"\n# c\n[[:alpha:]].yaml\n", 3),
        (b"*a*b*c*d.yaml\n", 1),
        (b"**/a/**/b/**/c/**/d/**/e\n", 1),
        (b"a.yaml\n" * (MOST + 1), MOST + 1),
    ],
)
def test_unusable_pattern_is_an_error_and_no_file_is_ignored(
    tmp_path: Path, content: bytes, line: int
) -> None:
    write(tmp_path, a_yaml=network("a"))
    (tmp_path / ".kvmreconcileignore").write_bytes(content)

    loaded = load_tree(tmp_path)

    assert (names(loaded), loaded.complete) == (["a"], False)
    (problem,) = problems(loaded, tmp_path)
    assert problem.startswith(f".kvmreconcileignore:{line}:1: ")
    assert problem.endswith("; until then, this file excludes nothing")


def test_ignore_file_with_crlf_and_other_encodings_is_read(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("a"), b_yaml=network("b"))
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text("colour: red")
    (tmp_path / ".kvmreconcileignore").write_bytes(b"\xef\xbb\xbfb.yaml\r\n\xff.yaml\r\n")

    loaded = load_tree(tmp_path)

    assert (names(loaded), loaded.problems) == (["a"], ())


def test_unreadable_ignore_file_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("a"))
    path = tmp_path / ".kvmreconcileignore"

    path.mkdir()
    assert problems(load_tree(tmp_path), tmp_path) == [
        ".kvmreconcileignore:1:1: is not a regular file; use a regular file instead, or omit this path"
    ]
    path.rmdir()
    path.symlink_to("absent")
    assert ".kvmreconcileignore:1:1: cannot be read" in problems(load_tree(tmp_path), tmp_path)[0]
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert "leads outside" in problems(load_tree(tmp_path), tmp_path)[0]
    path.unlink()
    path.write_bytes(b"#" * ((1 << 20) + 1))
    assert "larger than 1 MiB" in problems(load_tree(tmp_path), tmp_path)[0]


def test_ignore_file_may_be_a_symlink_inside_the_directory(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("a"), b_yaml=network("b"))
    (tmp_path / "ignored").write_text("b.yaml\n")
    (tmp_path / ".kvmreconcileignore").symlink_to("ignored")

    assert names(load_tree(tmp_path)) == ["a"]


def test_directory_with_only_ignored_files_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("a"))
    ignore(tmp_path, "*")

    loaded = load_tree(tmp_path)

    assert not loaded.complete
    (problem,) = problems(loaded, tmp_path)
    assert "; excluded: a.yaml is excluded by .kvmreconcileignore; " in problem


def test_message_names_a_limited_number_of_ignored_files(tmp_path: Path) -> None:
    write(tmp_path, **{f"{letter}_yaml": network(letter) for letter in "abcdefg"})
    ignore(tmp_path, "*.yaml")

    (problem,) = problems(load_tree(tmp_path), tmp_path)

    assert "e.yaml is excluded by .kvmreconcileignore and 2 more; " in problem


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def fetched(origin: Origin, tmp_path: Path, directory: str = "") -> Loaded:
    settings = Settings(state=tmp_path / "state", git=GitSettings(url=str(origin.path), directory=directory))
    repository = find_repository(settings)
    assert repository
    repository.update()
    found = find_origin([], settings)
    return load(found.paths, BY_NAME, "test", found.naming)


def test_ignore_file_of_the_repository_directory_applies(origin: Origin, tmp_path: Path) -> None:
    origin.commit("b.yaml\n", name="hosts/.kvmreconcileignore")
    origin.commit("colour: red", name="hosts/b.yaml")
    origin.commit("*\n", name=".kvmreconcileignore")
    origin.commit(network("a"), name="hosts/a.yaml")

    loaded = fetched(origin, tmp_path, "hosts")

    assert (names(loaded), loaded.problems, loaded.complete) == (["a"], (), True)
    assert loaded.coverage.find_obstacle("hosts/b.yaml", is_covered=True)
    assert loaded.coverage.files == {Key("Network", "a"): "hosts/a.yaml"}


def test_ignored_submodules_and_pointers_are_not_errors(origin: Origin, tmp_path: Path) -> None:
    origin.commit(network("a"))
    origin.commit("web/\ndeep/\ndata.json\n", name=".kvmreconcileignore")
    origin.commit("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", name="data.json")
    add_submodule(origin, "web")
    add_submodule(origin, "deep/er")

    loaded = fetched(origin, tmp_path)

    assert (loaded.problems, loaded.complete) == ((), True)
    for file in ("web/b.yaml", "deep/er/b.yaml"):
        obstacle = loaded.coverage.find_obstacle(file, is_covered=True)
        assert obstacle
        assert "is excluded by .kvmreconcileignore" in obstacle.why
    assert loaded.coverage.find_obstacle("weber/b.yaml", is_covered=True) is None


def test_ignored_submodules_of_a_work_tree_are_not_errors(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("a"))
    (tmp_path / ".gitmodules").write_text(
        '[submodule "web"]\n\tpath = web\n[submodule "o"]\n\tpath = /abs/ent\n'
    )
    assert len(load_tree(tmp_path).problems) == 2

    ignore(tmp_path, "web/")
    (problem,) = load_tree(tmp_path).problems
    assert "/abs/ent is a submodule" in problem.what


def test_nothing_is_ignored_without_an_ignore_file() -> None:
    assert not Ignored().names(PurePosixPath("a.yaml"), is_directory=False)
    assert not isinstance(Ignored.read(b"", "x"), LocatedProblem)
