"""Test that output of a program is read up to a maximum size and time, even if the program never ends."""

import subprocess
import time

import pytest

from kvmreconcile.source.git.answers import TooLongError, read_answers


def started(script: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_stdout_and_stderr_are_both_returned_even_if_one_is_long() -> None:
    with started("head -c 300000 /dev/zero >&2; echo done; printf '\\377'") as process:
        out, err = read_answers(process, 1 << 20, 30)

    assert (out, len(err), process.returncode) == (b"done\n\377", 300_000, 0)


@pytest.mark.parametrize("script", ["exec cat /dev/zero", "exec cat /dev/zero >&2"])
def test_endless_output_raises_an_error(script: str) -> None:
    with started(script) as process:
        with pytest.raises(TooLongError, match=r"^more than 1 MiB$"):
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
def test_watched_program_may_take_long_while_it_makes_progress() -> None:
    seen: list[str] = []

    def watch(printed: str) -> bool:
        seen.append(printed)
        return bool(printed)

    with started("for i in 1 2 3 4; do echo $i >&2; sleep 0.4; done") as process:
        _, err = read_answers(process, 1 << 20, 1.0, watch)

    assert err == b"1\n2\n3\n4\n"
    assert "".join(seen).split() == ["1", "2", "3", "4"]


@pytest.mark.case("40")
def test_watched_program_that_prints_without_progress_times_out() -> None:
    with started("while echo more >&2; do sleep 0.1; done") as process:
        with pytest.raises(TimeoutError):
            read_answers(process, 1 << 20, 0.5, lambda _: False)
        process.kill()


@pytest.mark.case("40")
def test_watched_program_with_endless_output_raises_an_error() -> None:
    with started("exec cat /dev/zero >&2") as process:
        with pytest.raises(TooLongError, match=r"^more than 8 MiB of messages$"):
            read_answers(process, 64 << 20, 30, bool)
        process.kill()


@pytest.mark.case("40")
def test_exception_of_the_watch_is_passed_on() -> None:
    def refuse(_printed: str) -> bool:
        raise ValueError

    with started("exec sleep 60") as process:
        with pytest.raises(ValueError, match=r"^$"):
            read_answers(process, 1 << 20, 30, refuse)
        process.kill()
