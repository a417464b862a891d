import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from kvmreconcile.errors import SpecError
from kvmreconcile.schema.section import read_seconds
from kvmreconcile.settings import loading
from kvmreconcile.settings.loading import read_settings
from kvmreconcile.settings.settings import Settings

DOCS = Path(__file__).parents[2] / "docs/commands.md"


@pytest.fixture(autouse=True)
def no_settings_of_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "DEFAULT_FILE", tmp_path / "absent.yaml")


def _problems(file: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    file.write_text(text)
    with pytest.raises(SpecError) as caught:
        read_settings(file, environment or {})
    return [str(p).replace(f"{file}:", "") for p in caught.value.problems]


def test_defaults_apply_without_settings_file_and_variables() -> None:
    settings = read_settings(None, {})

    assert (settings.instance, settings.connect) == ("default", "qemu:///system")
    assert settings.host


def test_environment_takes_precedence_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "k.yaml"
    file.write_text("instance: from-file\nworkers: 2\nresync: 2min\nlimits: {maxDelete: 1}\n")
    environment = {"KVMRECONCILE_INSTANCE": "from-env", "KVMRECONCILE_LIMITS": "{maxDelete: 7}"}

    settings = read_settings(file, environment)

    assert (settings.instance, settings.workers, settings.resync_s) == ("from-env", 2, 120.0)
    assert settings.limits.max_delete == 7


def test_empty_environment_variable_is_ignored() -> None:
    assert read_settings(None, {"KVMRECONCILE_INSTANCE": ""}).instance == "default"


def test_control_character_in_an_environment_variable_is_reported() -> None:
    with pytest.raises(
        SpecError, match=r"^KVMRECONCILE_GIT:1:10: the character U\+0001 is not allowed; delete it$"
    ):
        read_settings(None, {"KVMRECONCILE_GIT": '{"url": "\x01"}'})


def test_every_problem_is_reported_with_its_location(tmp_path: Path) -> None:
    text = "instance: 3\nstat: /x\nlimits:\n  maxDelet: 3\nresync: 5\nprune: {Domain: maybe}\n"
    problems = _problems(tmp_path / "k.yaml", text, {"KVMRECONCILE_WORKERS": "many"})

    assert len(problems) == 6
    assert any(p.startswith("1:1: instance") for p in problems)
    assert any(p.startswith("2:1: there is no setting 'stat'; did you mean 'state'?") for p in problems)
    assert any(p.startswith("4:3:") and "did you mean 'maxDelete'?" in p for p in problems)
    assert any(p.startswith("5:1: resync") for p in problems)
    assert any(p.startswith("6:9: prune.Domain") for p in problems)
    assert any(p.startswith("KVMRECONCILE_WORKERS: workers") for p in problems)


def test_problems_contain_no_class_names_or_patterns(tmp_path: Path) -> None:
    text = 'git: 1\nspecs: 1\ncontrol: {mode: "9"}\n'

    assert sorted(_problems(tmp_path / "k.yaml", text)) == [
        "1:1: git should be a mapping; see docs/commands.md",
        "2:1: specs should be a path, in quotes; see docs/commands.md",
        "3:11: control.mode does not have the required format; see docs/commands.md",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must beware of what others write")
def test_advice_for_a_device_writable_by_others_is_not_chmod() -> None:
    with pytest.raises(SpecError, match=r"users other than root can write it.*; specify a regular file"):
        read_settings(Path(os.devnull), {})


@pytest.mark.parametrize("text", ["- a\n", "just text\n"])
def test_settings_file_that_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "must be a mapping" in _problems(tmp_path / "k.yaml", text)[0]


@pytest.mark.parametrize("text", ["a: [", "a: 1\n---\nb: 2\n", "instance: a\ninstance: b\n"])
def test_malformed_settings_file_is_rejected(tmp_path: Path, text: str) -> None:
    assert _problems(tmp_path / "k.yaml", text)


def test_empty_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.touch()

    with pytest.raises(
        SpecError, match=r"the settings file is empty; add settings, or write \{\} for no settings"
    ):
        read_settings(file, {})

    file.write_text("{}")
    assert read_settings(file, {}) == Settings()


def test_settings_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        read_settings(tmp_path / "absent.yaml", {})


@pytest.mark.case("17")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root must beware of what others write")
@pytest.mark.parametrize(("owner", "mode"), [(65534, 0o600), (0, 0o664), (0, 0o646)])
def test_settings_file_writable_by_others_is_refused_by_root(tmp_path: Path, owner: int, mode: int) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("connect: test:///default\n")
    os.chown(file, owner, 0)
    file.chmod(mode)

    with pytest.raises(SpecError, match="users other than root can write it"):
        read_settings(file, {})


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("3s", 3), ("1.5 min", 90), ("2h", 7200)])
def test_duration_is_converted_to_seconds(text: str, seconds: float) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["5", "", "min", "-1s", "5 weeks", "1.2.3s"])
def test_duration_without_a_number_and_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        read_seconds(text)


def test_every_setting_is_documented_with_its_default() -> None:
    for name, info in Settings.model_fields.items():
        assert info.description, name
        assert "Defaults to" in info.description or name in (
            "limits",
            "settle",
            "control",
            "history",
            "metrics",
            "sources",
        )


def test_reference_documents_every_setting(*, regenerate: bool) -> None:
    head, start, _ = DOCS.read_text().partition("<!-- settings -->\n")
    text = head + start + "".join(_reference(Settings))
    if regenerate:
        DOCS.write_text(text)

    assert text == DOCS.read_text()


def _reference(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        forms = (info.annotation, *get_args(info.annotation))
        part = next((form for form in forms if isinstance(form, type) and issubclass(form, BaseModel)), None)
        if part is not info.annotation:
            yield f"* `{path}`: {info.description}\n"
        if part is not None:
            yield from _reference(part, f"{path}.")


@pytest.mark.case("43")
@pytest.mark.parametrize(
    ("written", "means"),
    [(".", ""), ("./a", "a"), ("a//b", "a/b"), ("/a/b/", "a/b"), ("a/./b", "a/b"), ("", "")],
)
def test_directory_of_repository_is_normalized(written: str, means: str) -> None:
    settings = Settings.model_validate({"git": {"url": "/srv/specs.git", "directory": written}})

    assert settings.git
    assert settings.git.directory == means


def test_directory_of_repository_with_dot_dot_is_refused() -> None:
    with pytest.raises(ValidationError, match=r'must not contain "\.\."'):
        Settings.model_validate({"git": {"url": "/srv/specs.git", "directory": "a/../b"}})


def test_unreadable_image_file_is_reported_with_matching_advice(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match="it cannot be read: Is a directory; specify a regular file with --config"
    ):
        read_settings(tmp_path, {})
