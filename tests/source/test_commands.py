"""Test the commands `validate`, `schema` and `explain`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner, Result

from kvmreconcile.cli.app import app
from kvmreconcile.kinds import EXPANDERS, KINDS
from kvmreconcile.source.explain import describe_field
from kvmreconcile.source.fields import fields, models

GOOD = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: NAME}\nspec: {}\n"

ALL_KINDS = [*(kind.name for kind in KINDS), *(expander.name for expander in EXPANDERS)]


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "100"})


def test_validate_counts_valid_objects_and_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("NAME", "a") + "---\n" + GOOD.replace("NAME", "b"))
    (tmp_path / "b.yaml").write_text(GOOD.replace("NAME", "c"))

    result = run("validate", str(tmp_path))

    assert (result.exit_code, result.stdout) == (0, "3 objects in 2 files are valid\n")


def test_validate_uses_the_singular_for_one_object(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)

    assert run("validate", str(tmp_path / "a.yaml")).stdout == "1 object in 1 file is valid\n"


def test_validate_reports_all_problems_and_fails(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("{}", "{mtu: 5, colour: red}"))
    (tmp_path / "b.yaml").write_text(GOOD.replace("Network", "Netwrok"))

    result = run("validate", str(tmp_path))

    assert result.exit_code == 1
    assert result.stdout.replace(f"{tmp_path}/", "").splitlines() == [
        "a.yaml:4:13: Network/NAME: spec.mtu should be at least 68; see 'kvmreconcile explain Network.spec.mtu'",
        "a.yaml:4:16: Network/NAME: unknown field 'colour' in spec; remove it, or see 'kvmreconcile explain Network.spec'",
        "b.yaml:2:7: Netwrok/NAME: unknown kind 'Netwrok'; did you mean 'Network'?",
    ]


def test_malformed_input_causes_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"[" * 200_000)
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")

    done = subprocess.run(
        [sys.executable, "-m", "kvmreconcile", "validate", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("words", [["validate", "."], ["schema"], ["explain", "Network.spec"]])
def test_commands_need_no_hypervisor(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    program = (
        "import sys; sys.modules['libvirt'] = None\n"
        f"sys.argv = ['kvmreconcile', *{words!r}]\n"
        "from kvmreconcile.cli import main; main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_schema_prints_all_kinds_or_one() -> None:
    assert json.loads(run("schema").stdout)["properties"]["kind"]["enum"] == ALL_KINDS
    assert json.loads(run("schema", "Network").stdout)["properties"]["kind"]["const"] == "Network"


def test_schema_of_an_unknown_kind_is_an_error() -> None:
    result = run("schema", "Netwrok")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Netwrok: there is no such kind; did you mean 'Network'?\n"


def test_explain_lists_kinds() -> None:
    result = run("explain")

    assert [line.split()[0] for line in result.stdout.splitlines()] == ALL_KINDS


def test_explain_describes_a_field() -> None:
    assert run("explain", "Network.spec.mac").stdout == (
        "Network.spec.mac  (text)\n"
        "    MAC address of the host in the network, which guests cache as the address of their gateway.\n"
        "    Defaults to an address derived from the UUID, which is then kept.\n"
        "    Default: an address derived from the UUID, which is then kept\n"
        "    In libvirt's XML: network/mac/@address\n"
    )


def test_explain_describes_inner_fields() -> None:
    lines = run("explain", "Network.spec.addresses[0].dhcp.ranges").stdout.splitlines()

    assert lines[0] == "Network.spec.addresses.dhcp.ranges  (list of object)"
    assert "    In libvirt's XML: network/ip/dhcp/range" in lines
    assert "    start  (text, required)" in lines
    assert "    leaseTime  (text)" in lines


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("Netwrok", "unknown kind 'Netwrok'; did you mean 'Network'?"),
        ("Network.spec.adresses", "there is no field 'adresses' in Network.spec; did you mean 'addresses'?"),
        (
            "Network.spec.mtu.size",
            "there is no field 'size' in Network.spec.mtu; Network.spec.mtu has no fields of its own",
        ),
        ("", "unknown kind ''; available: "),
    ],
)
def test_explain_of_an_unknown_field_is_an_error(path: str, advice: str) -> None:
    result = run("explain", path)

    assert (result.exit_code, result.stdout) == (1, "")
    assert advice in result.stderr


def every_path() -> list[str]:
    found = []
    for kind in KINDS:
        todo: list[tuple[str, type[BaseModel]]] = [(f"{kind.name}.spec", kind.spec)]
        while todo:
            path, model = todo.pop()
            for name, info in fields(model).items():
                found.append(f"{path}.{name}")
                todo += [(f"{path}.{name}", inner) for inner in models(info.annotation)]
    return found


def test_explain_describes_every_field() -> None:
    by_name = {kind.name: kind for kind in KINDS}
    entries = [describe_field(path, by_name) for path in every_path()]

    print(f"{len(entries)} fields explained")
    assert [entry.path for entry in entries if not entry.description or entry.form == "anything"] == []
    assert [entry.path for entry in entries if not entry.default and not entry.is_required] == []
