"""
Load, plan and render thousands of randomly mutated documents: `./dev fuzz`.

A seed always produces the same documents in the same order.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.documents import Tally, corpus, find_invalid, work

KEPT = Path(__file__).parents[2] / ".cache/fuzz"
PART = 500
"""Number of documents that a worker processes before it is replaced by one with fresh memory."""


def fuzz(seed: int, count: int, directory: Path, *, adopt: bool = False) -> Tally:
    """Process a number of documents in workers; the seed of each worker is derived from `seed`."""
    folder = os.environ.get("KVMRECONCILE_CORPUS")
    contents = corpus(Path(folder) if folder else None, adopt=adopt)
    parts = [min(PART, count - begun) for begun in range(0, count, PART)]
    whole = Tally(problems=[*find_invalid(contents, directory / "intact")])
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), max_tasks_per_child=1) as pool:
        jobs = [
            pool.submit(work, contents, seed * 1000 + number, size, directory / str(number))
            for number, size in enumerate(parts)
        ]
        for job in jobs:
            whole.add(job.result())
    return whole


def main() -> int:
    """Process documents according to the command line."""
    parser = argparse.ArgumentParser(
        prog="./dev fuzz", description="Change documents randomly, and load, plan and render them."
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run's documents")
    parser.add_argument("--documents", type=int, default=15_000, help="how many; 15,000 by default")
    options = parser.parse_args()
    with TemporaryDirectory() as directory:
        tally = fuzz(options.seed, options.documents, Path(directory), adopt=True)
        for document in Path(directory).glob("problem-*"):
            KEPT.mkdir(parents=True, exist_ok=True)
            (KEPT / document.name).write_bytes(document.read_bytes())
    print(f"seed {options.seed}: {tally}")
    for problem in tally.problems:
        print(problem, file=sys.stderr)
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
