"""The output of a program is read up to a maximum size and time, even if the program never ends."""

import subprocess
import time

import pytest

from kvmreconcile.source.git.answers import TooLongError, read_answers


def started(script: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_stdout_and_stderr_are_both_returned_however_long_one_is() -> None:
    with started("head -c 300000 /dev/zero >&2; echo done; printf '\\377'") as process:
        out, err = read_answers(process, 1 << 20, 30)

    assert (out, len(err), process.returncode) == (b"done\n\377", 300_000, 0)


@pytest.mark.parametrize("script", ["exec cat /dev/zero", "exec cat /dev/zero >&2"])
def test_endless_output_raises_an_error(script: str) -> None:
    with started(script) as process:
        with pytest.raises(TooLongError):
            read_answers(process, 1 << 20, 30)
        process.kill()


@pytest.mark.parametrize("script", ["exec sleep 60", "exec >&- 2>&-; exec sleep 60"])
def test_program_that_does_not_end_times_out(script: str) -> None:
    with started(script) as process:
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            read_answers(process, 1 << 20, 0.2)
        assert time.monotonic() - began_s < 10
        process.kill()


@pytest.mark.case("40")
def test_program_that_is_watched_may_take_long_while_it_prints() -> None:
    seen: list[str] = []
    with started("for i in 1 2 3 4; do echo $i >&2; sleep 0.4; done") as process:
        _, err = read_answers(process, 1 << 20, 1.0, seen.append)

    assert err == b"1\n2\n3\n4\n"
    assert "".join(seen).split() == ["1", "2", "3", "4"]


@pytest.mark.case("40")
def test_program_that_is_watched_is_ended_by_its_watch() -> None:
    def refuse(_printed: str) -> None:
        raise ValueError

    with started("exec sleep 60") as process:
        with pytest.raises(ValueError, match=r"^$"):
            read_answers(process, 1 << 20, 30, refuse)
        process.kill()
