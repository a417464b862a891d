"""What a program prints is read up to a size and for a while, be it one that never ends."""

import subprocess
import time

import pytest

from kvmreconcile.source.git.answers import TooLongError, read_answers


def started(script: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_both_answers_are_returned_however_much_comes_of_one() -> None:
    with started("head -c 300000 /dev/zero >&2; echo done; printf '\\377'") as process:
        out, err = read_answers(process, 1 << 20, 30)

    assert (out, len(err), process.returncode) == ("done\n\ufffd", 300_000, 0)


@pytest.mark.parametrize("script", ["exec cat /dev/zero", "exec cat /dev/zero >&2"])
def test_answer_without_an_end_is_given_up(script: str) -> None:
    with started(script) as process:
        with pytest.raises(TooLongError):
            read_answers(process, 1 << 20, 30)
        process.kill()


@pytest.mark.parametrize("script", ["exec sleep 60", "exec >&- 2>&-; exec sleep 60"])
def test_program_that_does_not_end_is_not_waited_for(script: str) -> None:
    with started(script) as process:
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            read_answers(process, 1 << 20, 0.2)
        assert time.monotonic() - began_s < 10
        process.kill()
