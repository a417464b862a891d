"""
Work through objects in parallel, each after all it needs.

Separate from what is done with them, because order, threads and lanes are hard enough by themselves.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

from kvmreconcile.errors import PlanError
from kvmreconcile.model import Key


def lane(key: Key) -> str:
    """Return what an object lives in (a volume in its pool), where one is worked on at a time; "" for none."""
    return key.name.rpartition("/")[0]


def work(needs: Mapping[Key, Collection[Key]], job: Callable[[Key], None], workers: int) -> None:
    """
    Do a job for every key, in several threads at once.

    Args:
        needs: For each key those that must be done before it; those that are no keys of it count for nothing.
        workers: How many jobs at most are under way at once.

    Raises:
        PlanError: Keys need one another in a circle; nothing is done then.
        Exception: What a job raised, once those under way have ended; no further one is begun.
    """
    sorter = _sorter(needs)
    waiting: list[Key] = []
    running: dict[Future[None], Key] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="execute") as pool:
        while sorter.is_active():
            waiting.extend(sorter.get_ready())
            for key in _startable(waiting, running.values(), workers - len(running)):
                waiting.remove(key)
                running[pool.submit(job, key)] = key
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                sorter.done(running.pop(future))
                future.result()


def _sorter(needs: Mapping[Key, Collection[Key]]) -> TopologicalSorter[Key]:
    sorter = TopologicalSorter(
        {k: [n for n in wanted if n in needs and n != k] for k, wanted in needs.items()}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        chain = " → ".join(map(str, reversed(error.args[1])))
        raise PlanError(f"objects need one another in a circle: {chain}; break it in the specs") from error
    return sorter


def _startable(waiting: Collection[Key], running: Collection[Key], free: int) -> list[Key]:
    """Choose what to begin: the first that are ready, of those in one lane the first."""
    taken = {lane(key) for key in running} - {""}
    chosen: list[Key] = []
    for key in waiting:
        if len(chosen) < free and lane(key) not in taken:
            chosen.append(key)
            taken |= {lane(key)} - {""}
    return chosen
