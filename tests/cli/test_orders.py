"""The end of a suspension, as given on the command line."""

from datetime import datetime, timedelta

import pytest

from kvmreconcile.cli.status_view import length
from tests.cli.conftest import URI, Host


@pytest.mark.case("26b")
@pytest.mark.parametrize(
    "words",
    [
        ("--for", f"{'9' * 30}h"),
        ("--for", f"{'9' * 19}h"),
        ("--until", "9999-12-31T23:59:59-14:00"),
        ("--until", "9999-12-31T23:59:59+00:00"),
        ("--until", "tomorrow"),
    ],
)
def test_invalid_end_of_suspension_is_refused_with_example(host: Host, words: tuple[str, str]) -> None:
    result = host.run("suspend", "--all", *words)

    assert result.exit_code == 1
    tomorrow = datetime.now().astimezone() + timedelta(days=1)
    assert f'write --for 2h, or --until "{tomorrow:%Y-%m-%d} 18:00"' in result.output
    assert "Python" not in result.output
    assert "int" not in result.output


def test_resume_without_change_is_neither_saved_nor_recorded(host: Host) -> None:
    result = host.run("resume", "Domain/web")

    assert result.stdout == "Domain/web was not suspended individually\n"
    assert result.stderr == ""
    assert host.run("history").stderr == "the history is empty\n"


def test_resume_reports_remaining_suspensions(host: Host) -> None:
    host.run("suspend", "Domain/web")
    host.run("suspend", "--all")

    command = f"kvmreconcile resume --all --state {host.state} --connect {URI}"
    assert host.run("resume", "Domain/web").stdout == (
        f"Domain/web is no longer suspended individually, but all objects are suspended; to resume: {command}\n"
    )
    assert host.run("resume", "Domain/web").stdout == (
        f"Domain/web was not suspended individually, but all objects are suspended; to resume: {command}\n"
    )
    host.run("suspend", "Domain/web")
    host.run("suspend", "Domain/db")
    assert host.run("resume", "--all").stdout == (
        "the suspension of all objects is lifted; still suspended individually: Domain/db, Domain/web\n"
    )
    assert host.run("resume", "--all").stdout == (
        "there was no suspension of all objects; still suspended individually: Domain/db, Domain/web\n"
    )
    assert host.run("resume", "Domain/web").stdout == "Domain/web is resumed\n"


@pytest.mark.parametrize(
    ("passed_s", "said"),
    [(0.4, "0s"), (59.9, "59s"), (3590, "59m"), (3600, "1h"), (5460, "1h31m"), (84960, "23h36m"), (129600, "1d12h"), (-1, "0s")],
)  # fmt: skip
def test_duration_is_rounded_down(passed_s: float, said: str) -> None:
    assert length(passed_s) == said
