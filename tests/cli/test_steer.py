"""When a suspension ends, as it is said on the command line."""

import pytest

from tests.cli.conftest import Host


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
def test_end_that_no_calendar_has_is_refused_with_what_to_write(host: Host, words: tuple[str, str]) -> None:
    result = host.run("suspend", "--all", *words)

    assert result.exit_code == 1
    assert 'write --for 2h, or --until "2026-12-24 18:00"' in result.output
    assert "Python" not in result.output
    assert "int" not in result.output
