"""
How much memory this process has had at most, counted from a moment.

getrusage(2) counts from the start of the process, and for a new program from its parent's.
"""

from pathlib import Path


def start_peak() -> int:
    """Count from now on (proc(5), /proc/pid/clear_refs); return how much memory this process has now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mib()


def peak_mib() -> int:
    """Return the most memory that this process has had since then, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) >> 10
