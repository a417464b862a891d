"""Signal processes, each only after its identity is proved, since a PID may have been reused."""

import os
import signal
from pathlib import Path
from shlex import quote


class NotProved(Exception):
    """No process has this PID, or another process has it."""


def signal_process(pid: int, number: signal.Signals, word: str) -> None:
    """
    Send a signal to a process whose command line holds a word.

    A process descriptor is held meanwhile, so that the PID cannot be reused.

    Raises:
        NotProved: There is no such process.
    """
    if pid <= 1:
        raise NotProved(f"{pid} is no process of a test's")
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        raise NotProved(f"no process has the PID {pid}") from None
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if word not in command:
            raise NotProved(f"the process {pid} is {command!r}, and not {word!r}")
        signal.pidfd_send_signal(process, number)
    finally:
        os.close(process)


def signal_script(name: str, pids: str, word: str) -> str:
    """
    Return a shell script that does the same outside of this machine: in a lab or on another host.

    It fails without a signal unless every PID is proved.

    Args:
        name: Name of the signal, such as "STOP".
        pids: Shell words that expand to PIDs, such as "$(cat /run/libvirtd.pid)".
    """
    return f"""
set -- {pids}
[ $# -gt 0 ] || {{ echo 'no PID is given' >&2; exit 1; }}
for pid; do
    case $pid in '' | 0 | 1 | *[!0-9]*) echo "$pid is no process of a test's" >&2; exit 1 ;; esac
    tr '\\0' ' ' <"/proc/$pid/cmdline" | grep -qF -e {quote(word)} ||
        {{ echo "the process $pid is not" {quote(word)} >&2; exit 1; }}
done
kill -s {name} "$@"
"""
