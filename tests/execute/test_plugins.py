"""Loading plug-ins by name, and the errors about them."""

import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from pwd import getpwuid

import pytest

from kvmreconcile.errors import SpecError
from kvmreconcile.execute.libvirt import make
from kvmreconcile.execute.plugin_files import user_name
from kvmreconcile.execute.plugins import EXECUTORS, PLANNERS, REPORTERS, load_plugin
from kvmreconcile.session.kinds import KIND_ENTRY_POINTS, known_kinds

NOBODY, NAMELESS = 65534, 54321
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture(autouse=True)
def _newly_started() -> None:
    """Start each test with an empty cache of plug-ins."""
    load_plugin.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package of a third party."""
    monkeypatch.syspath_prepend(tmp_path)
    before = os.umask(0o022)
    install(tmp_path, "wonder", "wonder = wonderful_executor:make")
    (tmp_path / "wonderful_executor.py").write_text("def make(tools): return 'wonder'\n")
    yield tmp_path
    os.umask(before)
    sys.modules.pop("wonderful_executor", None)


def install(directory: Path, name: str, *points: str) -> None:
    information = directory / f"{name}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (information / "entry_points.txt").write_text("\n".join([f"[{EXECUTORS}]", *points]) + "\n")


def announced() -> list[tuple[str, str]]:
    groups = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]
    return [(group, name) for group in (PLANNERS, EXECUTORS, REPORTERS) for name in groups[group]]


@pytest.mark.parametrize(("group", "name"), announced())
def test_every_entry_point_of_this_project_loads(group: str, name: str) -> None:
    assert callable(load_plugin(group, name))


def test_default_executor_is_libvirt() -> None:
    assert load_plugin(EXECUTORS, "libvirt") is make


def test_plugin_of_another_package_is_loaded(package: Path) -> None:
    assert load_plugin(EXECUTORS, "wonder")(None) == "wonder"


def test_unknown_name_is_an_error_with_suggestions(package: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_plugin(EXECUTORS, "libvrt")

    assert str(caught.value) == (
        'kvmreconcile.executors: no plug-in is called "libvrt"; '
        'did you mean "libvirt"? installed: approve, dry-run, libvirt, wonder'
    )


def test_unknown_name_in_an_empty_group_is_an_error_without_suggestions() -> None:
    with pytest.raises(SpecError, match="installed: none"):
        load_plugin("kvmreconcile.nothing", "x")


def test_name_that_two_packages_offer_is_refused(package: Path) -> None:
    install(package, "other", "wonder = other_executor:make")

    with pytest.raises(
        SpecError,
        match="offered by 2 packages: other_executor:make, wonderful_executor:make; uninstall all but one",
    ):
        load_plugin(EXECUTORS, "wonder")


def test_package_installed_twice_offers_one_plugin(package: Path) -> None:
    install(package, "copy", "wonder = wonderful_executor:make")

    assert load_plugin(EXECUTORS, "wonder")(None) == "wonder"


@pytest.mark.parametrize("value", ["absent_module:make", "wonderful_executor:absent"])
def test_plugin_that_cannot_be_loaded_names_its_package(package: Path, value: str) -> None:
    install(package, "broken", f"broken = {value}")

    with pytest.raises(SpecError, match=rf'"broken" \({value}\) cannot be loaded: .*; reinstall broken'):
        load_plugin(EXECUTORS, "broken")


DISTRUSTED = {
    "its file": ("wonderful_executor.py", 0o664, "is writable by its group"),
    "its file, by all": ("wonderful_executor.py", 0o646, "is writable by all users"),
    "what names it": ("wonder-1.dist-info/entry_points.txt", 0o666, "is writable by all users"),
    "the directory above": (".", 0o777, "is writable by all users"),
    "a directory of it for all to write": ("wonder-1.dist-info", 0o1777, "is writable by all users"),
}


@pytest.mark.case("17")
@pytest.mark.parametrize(("name", "mode", "why"), DISTRUSTED.values(), ids=DISTRUSTED)
def test_plugin_writable_by_other_users_is_not_loaded(package: Path, name: str, mode: int, why: str) -> None:
    (package / name).chmod(mode)

    with pytest.raises(SpecError) as caught:
        load_plugin(EXECUTORS, "wonder")

    place, me = (package / name).resolve(), getpwuid(os.geteuid()).pw_name
    assert str(caught.value) == (
        f'kvmreconcile.executors: "wonder" (wonderful_executor:make) is not loaded: {place} {why}, and its code '
        f"would run as {me}; uninstall wonder, or: chmod go-w {place}"
    )
    assert "wonderful_executor" not in sys.modules


@pytest.mark.case("17")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
@pytest.mark.parametrize("uid", [NOBODY, NAMELESS])
def test_plugin_of_another_user_is_not_loaded_for_root(package: Path, uid: int) -> None:
    os.chown(package / "wonderful_executor.py", uid, -1)

    with pytest.raises(SpecError, match=f"wonderful_executor.py belongs to {user_name(uid)}, and") as caught:
        load_plugin(EXECUTORS, "wonder")

    assert "or: chown root /" in str(caught.value)


@pytest.mark.case("17")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_plugin_of_another_user_is_not_loaded_through_a_symlink(
    package: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "executor.py"
    (package / "wonderful_executor.py").rename(elsewhere)
    os.chown(elsewhere, NOBODY, -1)
    (package / "wonderful_executor.py").symlink_to(elsewhere)

    with pytest.raises(
        SpecError, match=r"belongs to nobody.*, or install it where no other user can change it"
    ):
        load_plugin(EXECUTORS, "wonder")


@pytest.mark.case("17")
def test_every_file_of_a_package_is_checked(package: Path) -> None:
    install(package, "deep", "deep = deep.executor:make")
    (package / "deep/inside").mkdir(parents=True)
    for name in ("__init__", "executor", "inside/__init__", "inside/helper"):
        (package / f"deep/{name}.py").write_text("raise SystemExit\n")
    (package / "deep/inside/helper.py").chmod(0o666)

    with pytest.raises(SpecError, match=r"inside/helper\.py is writable by all users"):
        load_plugin(EXECUTORS, "deep")


@pytest.mark.case("17")
def test_plugin_below_a_sticky_directory_is_loaded(package: Path) -> None:
    package.parent.chmod(0o1777)
    try:
        assert load_plugin(EXECUTORS, "wonder")(None) == "wonder"
    finally:
        package.parent.chmod(0o700)


@pytest.mark.case("17")
def test_command_fails_if_a_package_with_kinds_is_writable_by_other_users(package: Path) -> None:
    install(package, "kind", "unused = wonderful_executor:make")
    points = package / "kind-1.dist-info/entry_points.txt"
    points.write_text(f"[{KIND_ENTRY_POINTS}]\nWonder = wonderful_executor:make\n")
    points.chmod(0o666)

    with pytest.raises(SpecError, match=r'"Wonder".* is not loaded'):
        known_kinds()
