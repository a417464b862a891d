"""Test loading of directories: which files are read, which are skipped, and which problems are reported."""

import os
from pathlib import Path
from time import process_time

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.source import files
from kvmreconcile.source.file_names import Naming
from kvmreconcile.source.load import Loader, load
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.source.problem import LocatedProblem
from kvmreconcile.source.walk import PathChange

BY_NAME = {kind.name: kind for kind in KINDS}
VOLUME = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {name: root.qcow2}
spec: {pool: default, capacity: 1GiB, source: {file: golden.qcow2}}
"""


def network(name: str, spec: str = "{}") -> str:
    return f"apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        path = directory / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def load_tree(*paths: Path) -> Loaded:
    return load(paths, BY_NAME, "test")


def names(loaded: Loaded) -> list[str]:
    return [document.name for document in loaded.documents]


def problems(loaded: Loaded, directory: Path) -> list[str]:
    return [str(problem).replace(f"{directory}/", "") for problem in loaded.problems]


def test_files_are_read_in_name_order(tmp_path: Path) -> None:
    write(tmp_path, b_yml=network("second"), a_yaml=network("first"), c__d_yaml=network("third"))

    loaded = load_tree(tmp_path)

    assert names(loaded) == ["first", "second", "third"]
    assert list(loaded.desired) == [Key("Network", name) for name in ("first", "second", "third")]
    assert (loaded.problems, loaded.frozen, loaded.complete) == ((), frozenset(), True)


@pytest.mark.case("46")
@pytest.mark.parametrize("name", ["N.YAML", "n.Yml", "n.YML"])
def test_file_with_upper_case_suffix_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(network("lan"))
    (tmp_path / "n.yaml.txt").write_text(network("other"))

    assert names(load_tree(tmp_path)) == ["lan"]


def test_document_has_its_line_and_directory(tmp_path: Path) -> None:
    write(tmp_path, a_yaml="# of the lab\n\n" + network("first") + "---\n\n" + network("second"))

    sources = [document.source for document in load_tree(tmp_path).documents]

    assert [(s.file, s.line, s.column) for s in sources] == [
        (f"{tmp_path}/a.yaml", 3, 1),
        (f"{tmp_path}/a.yaml", 9, 1),
    ]
    assert load_tree(tmp_path).documents[0].directory == tmp_path


@pytest.mark.parametrize(
    "name", [".a.yaml", ".git/a.yaml", ".#a.yaml", "a.yaml~", ".a.yaml.swp", "a.txt", "4913"]
)
def test_hidden_and_temporary_files_are_skipped(tmp_path: Path, name: str) -> None:
    write(tmp_path, good_yaml=network("good"))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("[")

    loaded = load_tree(tmp_path)

    assert (names(loaded), loaded.problems, loaded.complete) == (["good"], (), True)


def test_file_named_explicitly_is_read_regardless_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "lan.conf").write_text(network("lan"))

    assert names(load_tree(tmp_path / "lan.conf")) == ["lan"]


@pytest.mark.parametrize("text", ["%", "%YAML 1.2", "# c\n%TAG ! x", "...\n%YAML 1.2"])
def test_directives_without_a_document_are_an_error(tmp_path: Path, text: str) -> None:
    write(tmp_path, a_yaml=network("lan"), b_yaml=f"{text}\n")

    loaded = load_tree(tmp_path)

    (problem,) = loaded.problems
    assert problem.where.startswith(f"{tmp_path}/b.yaml:")
    assert not loaded.complete


@pytest.mark.parametrize(
    "text", ["\n", "# nothing\n", "---\n", "---\n---\n", "...\n", "%YAML 1.2\n---\n", "\ufeff", "~\n"]
)
def test_empty_documents_are_skipped_and_prevent_pruning(tmp_path: Path, text: str) -> None:
    write(tmp_path, a_yaml=text)

    loaded = load_tree(tmp_path)

    assert (loaded.documents, loaded.complete) == ((), False)
    assert [problem.what.partition(";")[0] for problem in loaded.problems] == ["no spec was found in 1 file"]


@pytest.mark.case("46")
def test_empty_directory_is_an_error_and_prevents_pruning(tmp_path: Path) -> None:
    loaded = load_tree(tmp_path)

    assert not loaded.complete
    (problem,) = loaded.problems
    assert str(problem) == (
        f"{tmp_path}: no spec was found in 0 files; in a directory, only files ending in .yaml or .yml (in lower or "
        "upper case) are read, except hidden files; write a spec, or name another path; nothing is removed until a spec is found"
    )


def test_missing_path_is_reported(tmp_path: Path) -> None:
    write(tmp_path, good_yaml=network("good"))

    loaded = load_tree(tmp_path, tmp_path / "missing")

    assert problems(loaded, tmp_path) == [
        "missing:1:1: cannot be read: No such file or directory; check the path, its symbolic links and its permissions"
    ]
    assert (names(loaded), loaded.complete) == (["good"], False)


def test_directory_named_like_a_spec_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, x_yaml__a_yaml=network("inside"))

    assert names(load_tree(tmp_path)) == ["inside"]


def test_pipe_named_like_a_spec_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    loaded = load_tree(tmp_path)

    assert problems(loaded, tmp_path) == [
        "a.yaml:1:1: is not a regular file; use a regular file instead, or omit this path"
    ]
    assert not loaded.complete


def test_directories_have_at_most_64_levels(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 64)
    (deep / "d/d").mkdir(parents=True)
    write(deep, a_yaml=network("above"))
    write(deep / "d/d", b_yaml=network("below"))

    loaded = load_tree(tmp_path)

    assert names(loaded) == ["above"]
    assert not loaded.complete
    (problem,) = problems(loaded, tmp_path)
    assert problem.endswith("directories are nested more than 64 deep; move the directory up, or remove it")


@pytest.mark.parametrize(("most", "value"), [("MAX_FILES", 2), ("MAX_TOTAL", 100)])
def test_number_and_size_of_files_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str, value: int
) -> None:
    monkeypatch.setattr(files, most, value)
    write(tmp_path, a_yaml=network("a"), b_yaml=network("b"), c_yaml=network("c"), d_yaml=network("d"))

    loaded = load_tree(tmp_path)

    assert names(loaded) == ["a", "b"]
    assert not loaded.complete
    (problem,) = problems(loaded, tmp_path)
    assert problem.startswith("c.yaml:1:1: there are more than ")
    assert problem.endswith("remove files, or move files to another instance")


@pytest.mark.case("25")
def test_symlink_that_replaces_a_file_after_the_walk_is_not_followed_outside(tmp_path: Path) -> None:
    specs, secret = tmp_path / "specs", tmp_path / "secret"
    specs.mkdir()
    secret.write_text(network("secret"))
    write(specs, a_yaml=network("a"), b_yaml=network("b"))
    found = (each for each in files.read_spec_files([specs]) if not isinstance(each, PathChange))

    assert isinstance(next(found), files.SpecFile)
    (specs / "b.yaml").unlink()
    (specs / "b.yaml").symlink_to(secret)

    (refused,) = found
    assert isinstance(refused, LocatedProblem)
    assert refused.what == "the symbolic link leads outside the directory of specs"


def test_file_that_is_replaced_while_it_is_open_is_read(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("a"))
    with (tmp_path / "a.yaml").open() as file:
        (tmp_path / "a.yaml").unlink()

        assert files._real(file.fileno()) == f"{tmp_path}/a.yaml"


def test_link_inside_the_directory_is_followed_and_read_once(tmp_path: Path) -> None:
    write(tmp_path, real__a_yaml=network("lan"))
    (tmp_path / "again.yaml").symlink_to("real/a.yaml")
    (tmp_path / "same").symlink_to("real")

    loaded = load_tree(tmp_path)

    assert (names(loaded), loaded.problems) == (["lan"], ())


def test_link_to_the_given_directory_is_followed(tmp_path: Path) -> None:
    write(tmp_path, revision__a_yaml=network("lan"))
    (tmp_path / "current").symlink_to("revision")

    loaded = load_tree(tmp_path / "current")

    assert names(loaded) == ["lan"]
    assert loaded.documents[0].source.file == f"{tmp_path}/current/a.yaml"


@pytest.mark.parametrize(
    ("name", "target", "what"),
    [
        (
            "loop.yaml",
            "loop.yaml",
            "cannot be read: Too many levels of symbolic links; check the path, its symbolic links and its permissions",
        ),
        (
            "up",
            "..",
            "the symbolic link leads outside the directory of specs; replace it with a copy of its target, or remove it",
        ),
        ("here", ".", "a symbolic link in this path leads back to a directory above it; remove that link"),
        (
            "passwd.yaml",
            "/etc/passwd",
            "the symbolic link leads outside the directory of specs; replace it with a copy of its target, or remove it",
        ),
        (
            "gone.yaml",
            "nowhere",
            "cannot be read: No such file or directory; check the path, its symbolic links and its permissions",
        ),
    ],
)
def test_symlink_with_invalid_target_is_a_problem(tmp_path: Path, name: str, target: str, what: str) -> None:
    write(tmp_path, specs__good_yaml=network("good"))
    (tmp_path / "specs" / name).symlink_to(target)

    loaded = load_tree(tmp_path / "specs")

    assert problems(loaded, tmp_path / "specs") == [f"{name}:1:1: {what}"]
    assert (names(loaded), loaded.complete) == (["good"], False)


def test_path_through_a_symlink_loop_has_a_message_about_the_loop(tmp_path: Path) -> None:
    write(tmp_path, specs__good_yaml=network("good"))
    (tmp_path / "specs/a/b").mkdir(parents=True)
    (tmp_path / "specs/a/b/c").symlink_to("../../a")
    (tmp_path / "specs/0").symlink_to("a/b")

    assert problems(load_tree(tmp_path / "specs"), tmp_path / "specs") == [
        "0/c/b:1:1: a symbolic link in this path leads back to a directory above it; remove that link"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_reported(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("lan"))
    (tmp_path / "a.yaml").chmod(0)

    loaded = load_tree(tmp_path)

    assert problems(loaded, tmp_path) == [
        "a.yaml:1:1: cannot be read: Permission denied; check the path, its symbolic links and its permissions"
    ]
    assert not loaded.complete


def test_control_characters_of_a_file_name_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m\udcff.yaml").write_text("[")

    loaded = load_tree(tmp_path)

    assert (
        loaded.problems[0].where
        == f"{tmp_path}/a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}.yaml:1:2"
    )


def test_two_documents_for_one_object_are_reported_and_the_object_is_frozen(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("lan"), b_yaml=network("wan") + "---\n" + network("lan"))

    loaded = load_tree(tmp_path)

    assert problems(loaded, tmp_path) == [
        f"a.yaml:1:1: Network/lan is also defined at {tmp_path}/b.yaml:6:1; remove or rename one of the two".replace(
            f"{tmp_path}/", ""
        ),
        f"b.yaml:6:1: Network/lan is also defined at {tmp_path}/a.yaml:1:1; remove or rename one of the two".replace(
            f"{tmp_path}/", ""
        ),
    ]
    assert (names(loaded), set(loaded.frozen), loaded.complete) == (["wan"], {Key("Network", "lan")}, True)
    assert list(loaded.desired) == [Key("Network", "wan")]


def test_object_is_frozen_if_one_of_its_two_documents_is_invalid(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("lan"), b_yaml=network("lan", "{mtu: 5}"))

    loaded = load_tree(tmp_path)

    assert (names(loaded), set(loaded.frozen)) == ([], {Key("Network", "lan")})


def test_syntax_error_does_not_hide_other_documents(tmp_path: Path) -> None:
    documents = [
        network("one"),
        network("two", "{mtu: [}"),
        network("three"),
        network("four", "{mtu: '}"),
        network("five"),
    ]
    write(tmp_path, a_yaml="---\n".join(documents))

    loaded = load_tree(tmp_path)

    assert names(loaded) == ["one", "three", "five"]
    assert [problem.where.rpartition("/")[2] for problem in loaded.problems] == [
        "a.yaml:9:14",
        "a.yaml:19:13",
    ]
    assert loaded.frozen == {Key("Network", "two"), Key("Network", "four")}
    assert not loaded.complete


def test_problems_are_reported_in_line_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml=network("lan", "{mtu: 5, colour: red}") + "---\n" + network("lan") + "---\n" + network("lan"),
    )

    lines = [int(problem.where.split(":")[1]) for problem in load_tree(tmp_path).problems]

    assert lines == sorted(lines)
    assert len(lines) == 4


def test_problem_found_by_a_kind_is_reported_at_its_field(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=network("lan", "\n  mode: nat\n  xml: <network><name>wan</name></network>"))

    loaded = load_tree(tmp_path)

    assert [str(p) for p in loaded.problems] == [
        f'{tmp_path}/a.yaml:6:8: Network/lan: spec.xml: has the <name> "wan", but metadata.name is "lan"; remove <name>, or set both to the same name'
    ]
    assert loaded.frozen == {Key("Network", "lan")}


SECRET = "hunter2-correct-horse"


@pytest.mark.parametrize(
    "spec",
    [
        f"{{mtu: {SECRET}}}",
        f"{{password: {SECRET}}}",
        f"{{zone: {{password: {SECRET}}}}}",
        f"{{stp: {SECRET}, mac: {SECRET}, uuid: {SECRET}, devices: {SECRET}}}",
        f"{{zone: '{SECRET}",
        f"{{zone: [{SECRET}}}",
        f'{{zone: "{SECRET}\\q"}}',
        f"{{xml: <network><password>{SECRET}}}",
        f"{{xml: <network password='{SECRET}'></netwrok>}}",
        f"{{zone: {SECRET}, zone: {SECRET}}}",
    ],
)
def test_messages_do_not_contain_values(tmp_path: Path, spec: str) -> None:
    write(tmp_path, a_yaml=network("lan", spec))

    loaded = load_tree(tmp_path)

    assert loaded.problems
    assert SECRET not in "\n".join(map(str, loaded.problems))


def test_unchanged_file_is_not_parsed_again(tmp_path: Path) -> None:
    loader = Loader(BY_NAME, "test")
    write(tmp_path, a_yaml=network("first"), b_yaml=network("second"), c_yaml=network("third"))
    before = loader.load([tmp_path])

    write(tmp_path, b_yaml=network("second", "{autostart: true}"))
    (tmp_path / "c.yaml").unlink()
    after = loader.load([tmp_path])

    first, second = Key("Network", "first"), Key("Network", "second")
    assert list(after.desired) == [first, second]
    assert after.desired[first] is before.desired[first]
    assert after.desired[second] != before.desired[second]
    assert after == load_tree(tmp_path)


def test_problem_is_reported_until_it_is_fixed(tmp_path: Path) -> None:
    loader = Loader(BY_NAME, "test")
    write(tmp_path, a_yaml=network("first"), b_yaml=network("first"), c_yaml=network("third", "{mod: nat}"))

    once, again = loader.load([tmp_path]), loader.load([tmp_path])
    write(tmp_path, b_yaml=network("second"), c_yaml=network("third"))
    mended = loader.load([tmp_path])

    assert once == again
    assert len(once.problems) == 3
    assert (mended.problems, names(mended)) == ((), ["first", "second", "third"])


def test_unchanged_file_of_another_checkout_is_not_parsed_again(tmp_path: Path) -> None:
    loader = Loader(BY_NAME, "test")
    one, two = tmp_path / "one", tmp_path / "two"
    write(one, a_yaml=network("first"), sub__b_yaml=network("second"))
    write(two, a_yaml=network("first"), sub__b_yaml=network("second", "{autostart: true}"))

    before = loader.load([one], Naming(one, "hosts/kvm1"))
    after = loader.load([two], Naming(two, "hosts/kvm1"))

    first, second = Key("Network", "first"), Key("Network", "second")
    assert after.desired[first] is before.desired[first]
    assert after.desired[second] != before.desired[second]
    assert [document.source.file for document in after.documents] == [
        "hosts/kvm1/a.yaml",
        "hosts/kvm1/sub/b.yaml",
    ]


def test_document_with_relative_path_is_parsed_again_in_another_checkout(tmp_path: Path) -> None:
    loader = Loader(BY_NAME, "test")
    one, two = tmp_path / "one", tmp_path / "two"
    for directory in (one, two):
        write(directory, a_yaml=VOLUME)

    before = loader.load([one], Naming(one))
    after = loader.load([two], Naming(two))

    (root,) = after.desired
    contents = [loaded.desired[root].creation.content for loaded in (before, after)]
    assert [content.path for content in contents if content] == [one / "golden.qcow2", two / "golden.qcow2"]


def test_problem_in_a_copied_file_names_the_original_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("/nonexistent")

    (problem,) = load([tmp_path], BY_NAME, "test", Naming(tmp_path, "hosts")).problems

    assert problem.where == "hosts/a.yaml:1:1"


@pytest.mark.parametrize(
    ("place", "entry"),
    [
        pytest.param("update:\n    windows", "    - 1\n", id="none of the types it could be"),
        pytest.param("blocks", "    - |\n     a\n", id="blocks"),
    ],
)
def test_file_with_many_problems_is_loaded_in_seconds(tmp_path: Path, place: str, entry: str) -> None:
    head = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: web}\nspec:\n"
    write(tmp_path, a_yaml=f"{head}  {place}:\n{entry * 60_000}")

    began_s = process_time()
    loaded = load_tree(tmp_path)

    assert loaded.frozen == {Key("Domain", "web")}
    assert process_time() - began_s < 15
