"""
Measure the peak memory of this process since a moment.

getrusage(2) counts from the start of the process, and for a new program from that of its parent.
"""

from pathlib import Path


def start_peak() -> int:
    """Reset the peak (proc(5), /proc/pid/clear_refs); return the current memory of this process, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mib()


def peak_mib() -> int:
    """Return the peak memory of this process since then, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) >> 10
