"""
Work through objects in parallel, each after all it needs.

Separate from what is done with them, because order, threads and lanes are hard enough by themselves.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

from kvmreconcile.errors import PlanError
from kvmreconcile.execute.batches import Batch
from kvmreconcile.model import Key


def lane(key: Key) -> str:
    """Return what an object lives in (a volume in its pool), where one is worked on at a time; "" for none."""
    return key.name.rpartition("/")[0]


def work(needs: Mapping[Batch, Collection[Batch]], job: Callable[[Batch], None], workers: int) -> None:
    """
    Do a job for every leg, in several threads at once.

    Args:
        needs: For each leg those that must be done before it; those that are not in it count for nothing.
        workers: How many jobs at most are under way at once.

    Raises:
        PlanError: Objects need one another in a circle; nothing is done then.
        Exception: What a job raised, once those under way have ended; no further one is begun.
    """
    sorter = _sorter(needs)
    waiting: list[Batch] = []
    running: dict[Future[None], Batch] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="execute") as pool:
        while sorter.is_active():
            waiting.extend(sorter.get_ready())
            for batch in _startable(waiting, running.values(), workers - len(running)):
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


def _startable(waiting: Collection[Batch], running: Collection[Batch], free: int) -> list[Batch]:
    """Choose what to begin: the first that are ready, of those in one lane the first."""
    taken = {lane(batch.key) for batch in running} - {""}
    chosen: list[Batch] = []
    for batch in waiting:
        if len(chosen) < free and lane(batch.key) not in taken:
            chosen.append(batch)
            taken |= {lane(batch.key)} - {""}
    return chosen
