"""Parts are found by name wherever they come from, and what is wrong with one is said."""

import sys
import tomllib
from pathlib import Path

import pytest

from kvmreconcile.errors import SpecError
from kvmreconcile.execute.libvirt import make
from kvmreconcile.execute.plugins import EXECUTORS, PLANNERS, REPORTERS, find

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture(autouse=True)
def _newly_started() -> None:
    """Each test is a process that has not looked for anything yet."""
    find.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package of a third party."""
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "wonder", "wonder = wonderful_executor:make")
    (tmp_path / "wonderful_executor.py").write_text("def make(tools): return 'wonder'\n")
    return tmp_path


def install(directory: Path, name: str, *points: str) -> None:
    information = directory / f"{name}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (information / "entry_points.txt").write_text("\n".join([f"[{EXECUTORS}]", *points]) + "\n")


def announced() -> list[tuple[str, str]]:
    groups = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]
    return [(group, name) for group in (PLANNERS, EXECUTORS, REPORTERS) for name in groups[group]]


@pytest.mark.parametrize(("group", "name"), announced())
def test_everything_this_project_announces_can_be_found(group: str, name: str) -> None:
    assert callable(find(group, name))


def test_the_executor_that_acts_is_called_libvirt() -> None:
    assert find(EXECUTORS, "libvirt") is make


def test_a_part_of_another_package_is_found(package: Path) -> None:
    assert find(EXECUTORS, "wonder")(None) == "wonder"


def test_a_wrong_name_is_told_with_the_nearest_and_all_that_are_installed(package: Path) -> None:
    with pytest.raises(SpecError) as caught:
        find(EXECUTORS, "libvrt")

    assert str(caught.value) == (
        'kvmreconcile.executors: there is none called "libvrt"; '
        'did you mean "libvirt"? installed are: approve, dry-run, libvirt, wonder'
    )


def test_a_group_without_parts_is_told_as_such() -> None:
    with pytest.raises(SpecError, match="installed are: none"):
        find("kvmreconcile.nothing", "x")


def test_a_part_that_two_packages_offer_is_refused(package: Path) -> None:
    install(package, "other", "wonder = other_executor:make")

    with pytest.raises(
        SpecError, match="offered twice, by other_executor:make and wonderful_executor:make; uninstall one"
    ):
        find(EXECUTORS, "wonder")


def test_a_part_that_is_installed_twice_over_is_still_one(package: Path) -> None:
    install(package, "copy", "wonder = wonderful_executor:make")

    assert find(EXECUTORS, "wonder")(None) == "wonder"


@pytest.mark.parametrize("value", ["absent_module:make", "wonderful_executor:absent"])
def test_a_part_that_cannot_be_loaded_names_its_package(package: Path, value: str) -> None:
    install(package, "broken", f"broken = {value}")

    with pytest.raises(SpecError, match=rf'"broken" \({value}\) cannot be loaded: .*; reinstall broken'):
        find(EXECUTORS, "broken")

    sys.modules.pop("wonderful_executor", None)
