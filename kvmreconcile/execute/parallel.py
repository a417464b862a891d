"""Run the batches of a plan in parallel threads, each batch after the batches that it needs."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

from kvmreconcile.errors import PlanError
from kvmreconcile.execute.batches import Batch
from kvmreconcile.model import Key

Lane = Callable[[Key], str]
"""Returns the lane of an object. Of all batches in a lane, only one runs at a time."""


def run_batches(
    needs: Mapping[Batch, Collection[Batch]], job: Callable[[Batch], None], workers: int, lane: Lane
) -> None:
    """
    Run a job for every batch, in several threads.

    Args:
        needs: For each batch, the batches that must end before it. Needed batches that are not keys
            themselves are ignored.
        job: The function to call for each batch.
        workers: Maximum number of jobs that run at the same time.
        lane: Returns the lane of an object.

    Raises:
        PlanError: The objects form a dependency cycle. No job has run.
        Exception: A job raised it. No further job begins; the exception is raised again after the
            running jobs have ended.
    """
    sorter = _sorter(needs)
    waiting: list[Batch] = []
    running: dict[Future[None], Batch] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="execute") as pool:
        while sorter.is_active():
            waiting.extend(sorter.get_ready())
            for batch in _startable(waiting, running.values(), workers - len(running), lane):
                waiting.remove(batch)
                running[pool.submit(job, batch)] = batch
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                sorter.done(running.pop(future))
                future.result()


def _sorter(needs: Mapping[Batch, Collection[Batch]]) -> TopologicalSorter[Batch]:
    sorter = TopologicalSorter(
        {batch: [n for n in wanted if n in needs and n != batch] for batch, wanted in needs.items()}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        steps = dict.fromkeys(map(str, reversed(error.args[1][1:])))
        chain = " → ".join((*steps, next(iter(steps))))
        raise PlanError(
            f"dependency cycle: {chain}; remove one of these references from the specs"
        ) from error
    return sorter


def _startable(waiting: Collection[Batch], running: Collection[Batch], free: int, lane: Lane) -> list[Batch]:
    """Return the batches to begin now: the first ready ones, at most one per lane."""
    taken = {lane(batch.key) for batch in running}
    chosen: list[Batch] = []
    for batch in waiting:
        if len(chosen) < free and lane(batch.key) not in taken:
            chosen.append(batch)
            taken.add(lane(batch.key))
    return chosen
