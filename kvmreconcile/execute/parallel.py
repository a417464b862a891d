"""
Work through objects in parallel, each after all it needs.

Separate from what is done with them, because order, threads and lanes are hard enough by themselves.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

from kvmreconcile.errors import PlanError
from kvmreconcile.execute.batches import Leg
from kvmreconcile.model import Key


def lane(key: Key) -> str:
    """Return what an object lives in (a volume in its pool), where one is worked on at a time; "" for none."""
    return key.name.rpartition("/")[0]


def work(needs: Mapping[Leg, Collection[Leg]], job: Callable[[Leg], None], workers: int) -> None:
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
    waiting: list[Leg] = []
    running: dict[Future[None], Leg] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="execute") as pool:
        while sorter.is_active():
            waiting.extend(sorter.get_ready())
            for leg in _startable(waiting, running.values(), workers - len(running)):
                waiting.remove(leg)
                running[pool.submit(job, leg)] = leg
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                sorter.done(running.pop(future))
                future.result()


def _sorter(needs: Mapping[Leg, Collection[Leg]]) -> TopologicalSorter[Leg]:
    sorter = TopologicalSorter(
        {leg: [n for n in wanted if n in needs and n != leg] for leg, wanted in needs.items()}
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


def _startable(waiting: Collection[Leg], running: Collection[Leg], free: int) -> list[Leg]:
    """Choose what to begin: the first that are ready, of those in one lane the first."""
    taken = {lane(leg.key) for leg in running} - {""}
    chosen: list[Leg] = []
    for leg in waiting:
        if len(chosen) < free and lane(leg.key) not in taken:
            chosen.append(leg)
            taken |= {lane(leg.key)} - {""}
    return chosen
