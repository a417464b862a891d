import json
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from kvmreconcile.cli.app import app
from kvmreconcile.cli.outcomes import explain_unconverged
from kvmreconcile.model import Action, Key, Plan, Reason
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.state import State
from kvmreconcile.tree import Effect
from tests.cli.conftest import Host, network

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/plan.schema.json").read_text())


def _names(host: Host) -> set[str]:
    return {n.name() for n in host.virt.listAllNetworks()}


def test_plan_shows_new_objects_and_changes_nothing(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    result = host.run("plan", str(host.specs))

    assert result.exit_code == 0
    assert "\n\n+ Network/lab  create, start" in result.stdout
    assert "1 to create." in result.stdout
    assert _names(host) == set()
    assert not host.state.exists()


def test_detailed_exitcode_shows_whether_the_plan_has_changes(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    assert host.run("plan", str(host.specs), "--detailed-exitcode").exit_code == 3
    assert host.run("apply", str(host.specs), "--yes").exit_code == 0
    assert host.run("plan", str(host.specs), "--detailed-exitcode").exit_code == 0


def test_invalid_spec_is_reported_and_other_specs_are_planned(host: Host) -> None:
    host.write("a.yaml", network("good"))
    host.write("b.yaml", network("bad", "{mod: nat}"))

    result = host.run("plan", str(host.specs))

    assert result.exit_code == 1
    assert "Network/good" in result.stdout
    assert "b.yaml:4:8" in result.stderr
    assert "did you mean 'mode'?" in result.stderr


@pytest.mark.parametrize("output", ["json", "markdown", "text"])
def test_plan_has_requested_output_format(host: Host, output: str) -> None:
    host.write("a.yaml", network("lab"))

    result = host.run("plan", "-o", output, str(host.specs))

    assert result.exit_code == 0
    assert "Network" in result.stdout
    if output == "json":
        jsonschema.validate(json.loads(result.stdout), SCHEMA)


def test_plan_after_confirmed_apply_is_empty(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    first = host.run("apply", str(host.specs), "--yes")
    second = host.run("apply", str(host.specs))

    assert first.exit_code == second.exit_code == 0
    assert _names(host) == {"lab"}
    assert "done    create Network/lab" in first.stderr
    assert second.stdout.endswith("\n\nNothing to do: 1 in sync.\n")


def test_apply_without_terminal_and_approval_does_nothing(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    result = host.run("apply", str(host.specs), stdin="y\n")

    assert result.exit_code == 1
    assert "nothing was done: use --yes, or --approve" in result.stderr
    assert _names(host) == set()


def test_approve_option_executes_only_the_plan_with_that_digest(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    digest = json.loads(host.run("plan", "-o", "json", str(host.specs)).stdout)["digest"]
    host.write("b.yaml", network("more"))

    other = host.run("apply", str(host.specs), "--approve", digest)

    assert other.exit_code == 1
    assert "review this plan" in other.stderr
    assert _names(host) == set()

    (host.specs / "b.yaml").unlink()
    assert host.run("apply", str(host.specs), "--approve", digest).exit_code == 0
    assert _names(host) == {"lab"}


def test_approval_of_completed_plan_is_no_error(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    digest = json.loads(host.run("plan", "-o", "json", str(host.specs)).stdout)["digest"]
    host.run("apply", str(host.specs), "--approve", digest)

    assert host.run("apply", str(host.specs), "--approve", digest).exit_code == 0


@pytest.mark.parametrize("executor", ["approve", "libvirt"])
def test_confirmed_plan_is_executed_with_any_executor(
    host: Host, executor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVMRECONCILE_EXECUTOR", executor)
    host.write("a.yaml", network("lab"))

    assert host.run("apply", str(host.specs), "--yes").exit_code == 0
    assert _names(host) == {"lab"}


def test_dry_run_executor_executes_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_EXECUTOR", "dry-run")
    host.write("a.yaml", network("lab"))

    result = host.run("apply", str(host.specs), "--yes")

    assert result.exit_code == 3
    assert "2 actions skipped: dry run" in result.stderr
    assert _names(host) == set()


def test_remaining_plan_after_all_rounds_is_reported_as_changed_or_unchanged() -> None:
    lab = Action(Key("Network", "lab"), verb_of("define"), Effect.LIVE, Reason.EDIT)
    before, after = Plan((lab,), digest="abc"), Plan((lab,), digest="def")

    assert explain_unconverged(before, [before], "kvmreconcile plan x") == (
        "not converged: changes that were just made are needed again for Network/lab; "
        "see: kvmreconcile plan x"
    )
    assert explain_unconverged(before, [before, after], "").startswith(
        "not converged: changes that were just made"
    )
    assert explain_unconverged(after, [before] * 3, "") == (
        "not finished after 3 rounds: there are new changes for Network/lab; run apply again"
    )


@pytest.mark.case("53b")
def test_dry_run_shows_the_plan_and_does_nothing(host: Host) -> None:
    host.write("a.yaml", network("lab"))

    result = host.run("apply", str(host.specs), "--dry-run", "--yes")

    assert result.exit_code == 0
    assert result.stdout == host.run("plan", str(host.specs)).stdout
    assert result.stderr == ""
    assert _names(host) == set()
    assert not host.state.exists()


@pytest.mark.case("53c")
def test_count_of_one_action_has_a_singular_noun(host: Host) -> None:
    host.write("a.yaml", network("lab", "{state: stopped}"))

    assert "1 action done, 0 failed" in host.run("apply", str(host.specs), "--yes").stderr


def test_unknown_executor_is_reported_by_name(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_EXECUTOR", "libvrt")
    host.write("a.yaml", network("lab"))

    result = host.run("apply", str(host.specs), "--yes")

    assert result.exit_code == 1
    assert 'did you mean "libvirt"?' in result.stderr


def test_unmanaged_object_is_held_and_other_objects_are_changed(host: Host) -> None:
    host.virt.networkDefineXML("<network><name>theirs</name></network>")
    host.write("a.yaml", network("theirs") + "---\n" + network("ours"))

    result = host.run("apply", str(host.specs), "--yes")

    assert result.exit_code == 3
    assert "! Network/theirs" in result.stdout
    assert "adopt: true" in result.stdout
    assert _names(host) == {"theirs", "ours"}


def test_removal_waits_for_approval_of_its_plan(host: Host) -> None:
    host.write("a.yaml", network("keep"))
    host.write("b.yaml", network("drop"))
    host.run("apply", str(host.specs), "--yes")
    (host.specs / "b.yaml").unlink()

    held = host.run("apply", str(host.specs), "--yes")
    digest = json.loads(host.run("plan", "-o", "json", str(host.specs)).stdout)["digest"]

    assert held.exit_code == 3
    assert _names(host) == {"keep", "drop"}
    assert f"apply --approve {digest}" in held.stdout

    assert host.run("apply", str(host.specs), "--approve", digest).exit_code == 0
    assert _names(host) == {"keep"}


def test_prune_option_applies_to_this_run_only(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_SETTLE", "{removal: 0s}")
    host.write("a.yaml", network("keep"))
    host.write("b.yaml", network("drop"))
    host.run("apply", str(host.specs), "--yes")
    (host.specs / "b.yaml").unlink()

    assert host.run("apply", str(host.specs), "--yes", "--prune", "never").exit_code == 0
    assert _names(host) == {"keep", "drop"}
    assert host.run("apply", str(host.specs), "--yes", "--prune", "auto").exit_code == 0
    assert _names(host) == {"keep"}


def test_only_option_changes_no_other_object(host: Host) -> None:
    host.write("a.yaml", network("one") + "---\n" + network("two"))

    result = host.run("apply", str(host.specs), "--yes", "--only", "Network/two")

    assert result.exit_code == 0
    assert _names(host) == {"two"}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("Netwrk/a", "did you mean 'Network'?"),
        ("Network/lib", "did you mean 'Network/lab'?"),
        ("Network", "write Network/NAME"),
    ],
)
def test_misspelt_object_is_refused(host: Host, word: str, message: str) -> None:
    host.write("a.yaml", network("lab"))

    result = host.run("plan", str(host.specs), "--only", word)

    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_common_options_may_follow_the_command(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    words = ["plan", str(host.specs), "--connect", "test:///default", "--state", str(host.state)]

    result = CliRunner().invoke(app, ["--connect", "qemu:///nowhere", *words])

    assert result.exit_code == 0
    assert "Network/lab" in result.stdout


def test_settings_file_sets_specs_and_instance(host: Host, tmp_path: Path) -> None:
    host.write("a.yaml", network("lab"))
    file = tmp_path / "settings.yaml"
    file.write_text(f"specs: {host.specs}\ninstance: other\n")

    assert host.run("--config", str(file), "apply", "--yes").exit_code == 0
    with closing(State.open_readonly(host.state)) as state:
        assert state.applied()[Key("Network", "lab")].instance == "other"


def test_invalid_setting_is_reported_without_traceback(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("wokers: 3\n")

    result = host.run("plan", "--config", str(file))

    assert result.exit_code == 1
    assert "did you mean 'workers'?" in result.stderr


def test_unreachable_libvirt_is_reported_without_traceback(host: Host) -> None:
    result = host.run("plan", str(host.specs), "--connect", "qemu:///system?socket=/nowhere/libvirt-sock")

    assert result.exit_code == 1
    assert "cannot connect to qemu:///system?socket=/nowhere/libvirt-sock" in result.stderr


def test_diff_shows_actual_and_proposed_definition(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")
    host.write("a.yaml", network("lab", "{domain: {name: lab.example}}"))

    result = host.run("diff", "Network/lab", str(host.specs))

    assert result.exit_code == 0
    assert '+  <domain name="lab.example"/>' in result.stdout
    assert "--- actual Network/lab" in result.stdout
    assert "Planned: define" in result.stdout


def test_diff_of_objects_in_sync_is_empty(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")

    assert host.run("diff", "Network/lab", str(host.specs)).stdout == "No changes.\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (network("lab", "{mtu: 5}"), "Not compared: fix the errors above first.\n"),
        (network("lab", "{colour: red}"), "Not compared: fix the errors above first.\n"),
    ],
)
def test_diff_reports_that_invalid_spec_was_not_compared(host: Host, text: str, said: str) -> None:
    host.write("a.yaml", text)

    result = host.run("diff", "Network/lab", str(host.specs))

    assert (result.exit_code, result.stdout) == (1, said)


def test_object_in_inactive_pool_is_not_reported_as_absent(host: Host, tmp_path: Path) -> None:
    host.virt.storagePoolDefineXML(
        f"<pool type='dir'><name>images</name><target><path>{tmp_path}</path></target></pool>"
    )

    for words in (("diff", "Volume/images/data", str(host.specs)), ("adopt", "Volume/images/data")):
        result = host.run(*words)

        assert result.exit_code == 1
        assert "Volume/images/data: it cannot be observed: " in result.stderr


def test_unknown_object_is_not_reported_as_removed(host: Host) -> None:
    result = host.run("diff", "Network/lab", str(host.specs))

    assert result.stderr.splitlines()[-1].endswith("no objects are known yet")


def test_plugin_kind_is_available_in_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "other-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[kvmreconcile.kinds]\nLan = other_kind:KIND\n")
    (tmp_path / "other_kind.py").write_text(
        "from dataclasses import replace\nfrom kvmreconcile.kinds.network import KIND\nKIND = replace(KIND, name='Lan')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    result = CliRunner().invoke(app, ["explain", "Lan.spec.mode"], catch_exceptions=False)

    assert result.exit_code == 0
    assert result.stdout.startswith("Lan.spec.mode")
