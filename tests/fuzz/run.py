"""
Documents by the thousand that were changed in one place or a few: `./dev fuzz`.

A seed gives the same documents in the same order.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.documents import Tally, corpus, unsound, work

KEPT = Path(__file__).parents[2] / ".cache/fuzz"
PART = 500
"""How many documents a worker tries before the next one begins with a small memory."""


def fuzz(seed: int, count: int, directory: Path, *, adopt: bool = False) -> Tally:
    """Try so many documents in workers, each with a seed of its own that follows from the one given."""
    folder = os.environ.get("KVMRECONCILE_CORPUS")
    contents = corpus(Path(folder) if folder else None, adopt=adopt)
    parts = [min(PART, count - begun) for begun in range(0, count, PART)]
    whole = Tally(faults=[*unsound(contents, directory / "intact")])
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), max_tasks_per_child=1) as pool:
        jobs = [
            pool.submit(work, contents, seed * 1000 + number, size, directory / str(number))
            for number, size in enumerate(parts)
        ]
        for job in jobs:
            whole.add(job.result())
    return whole


def main() -> int:
    """Try documents as the options say."""
    parser = argparse.ArgumentParser(
        prog="./dev fuzz", description="Change documents, and see what is made of them."
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run's documents")
    parser.add_argument("--documents", type=int, default=15_000, help="how many; 15,000 by default")
    options = parser.parse_args()
    with TemporaryDirectory() as directory:
        tally = fuzz(options.seed, options.documents, Path(directory), adopt=True)
        for fault in Path(directory).glob("fault-*"):
            KEPT.mkdir(parents=True, exist_ok=True)
            (KEPT / fault.name).write_bytes(fault.read_bytes())
    print(f"seed {options.seed}: {tally}")
    for fault_text in tally.faults:
        print(fault_text, file=sys.stderr)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
