"""The first line of `plan` and `apply`: the host, the instance and the source of the specs."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.cli.conftest import URI, Host, network
from tests.origin import Origin

pytestmark = pytest.mark.case("48")

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/plan.schema.json").read_text())


@pytest.fixture(autouse=True)
def _instance(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_INSTANCE", "staging")
    monkeypatch.setenv("KVMRECONCILE_SPECS", str(host.specs))
    # For a connection to another machine this would be the wrong name.
    monkeypatch.setenv("KVMRECONCILE_HOST", "not-this")


@pytest.mark.parametrize("named", [False, True])
def test_first_line_names_host_instance_and_source(host: Host, *, named: bool) -> None:
    file = host.write("a.yaml", network("lab"))
    paths, place = ([str(file)], file) if named else ([], host.specs)
    line = f"Host {host.virt.getHostname()} ({URI}), instance staging, specs from {place}"

    for words in (["plan"], ["apply", "--yes"], ["apply"], ["plan"]):
        assert host.run(*words, *paths).stdout.splitlines()[:2] == [line, ""]


def test_apply_prints_target_once_in_several_rounds(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    result = host.run("apply", "--yes")

    assert result.stdout.count("instance staging") == 1
    assert "instance staging" not in result.stderr


def test_json_has_target_field_and_is_valid_json(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    document = json.loads(host.run("plan", "-o", "json").stdout)

    jsonschema.validate(document, SCHEMA)
    assert document["target"] == {
        "host": host.virt.getHostname(),
        "uri": URI,
        "instance": "staging",
        "source": {"paths": [str(host.specs)]},
    }


def test_markdown_begins_with_target(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    first, second = host.run("plan", "-o", "markdown").stdout.split("\n\n")[:2]

    assert first.startswith("Host ")
    assert "instance staging, specs from &#47;" in first
    assert second == "**kvmreconcile:** 1 to create."


def test_target_of_repository_has_url_directory_ref_and_commit(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Origin(tmp_path)
    commit = origin.commit(network("lab"), name="hosts/a/lab.yaml")
    monkeypatch.setenv("KVMRECONCILE_GIT", f"{{url: {origin.path}, directory: hosts/a}}")
    host.run("fetch")

    text = host.run("plan").stdout
    document = json.loads(host.run("plan", "-o", "json").stdout)

    assert f"specs from {origin.path} (directory hosts/a, main, {commit[:12]})\n" in text
    jsonschema.validate(document, SCHEMA)
    assert document["target"]["source"] == {
        "url": str(origin.path),
        "directory": "hosts/a",
        "ref": "main",
        "commit": commit,
    }


def test_failure_before_the_plan_prints_no_target_line(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    result = host.run("plan", "--only", "Network/lib")

    assert (result.exit_code, result.stdout) == (1, "")
