"""
The whole daemon: its parts put together, and its threads started and stopped.

Separate from the parts. One thread makes passes, others keep time, watch files or hear libvirt's events; all that
those do is ring the bell. Only the thread that makes passes changes the host or the state, except that orders to
suspend and resume are written down where they arrive.
"""

import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from threading import Event

import structlog

from kvmreconcile.control.app import Answers, Page, build
from kvmreconcile.control.listeners import Control
from kvmreconcile.control.orders import Orders
from kvmreconcile.control.webhook import hook_secret
from kvmreconcile.daemon.condition_log import NoticeLog
from kvmreconcile.daemon.git_poll import GitPoll
from kvmreconcile.daemon.history import HistoryWriter
from kvmreconcile.daemon.latest_status import LatestStatus
from kvmreconcile.daemon.open_files import OpenFiles
from kvmreconcile.daemon.pool_watch import PoolWatch
from kvmreconcile.daemon.readiness_probe import ReadinessProbe
from kvmreconcile.daemon.reconnect import Reconnect
from kvmreconcile.daemon.sampler import sampling
from kvmreconcile.daemon.schedule import Schedule
from kvmreconcile.daemon.signals import ENDED, RELOAD, Waiting, signals
from kvmreconcile.daemon.spec_watch import Watch
from kvmreconcile.daemon.systemd import notify, reloading, status, watchdog_s
from kvmreconcile.daemon.trigger import TriggerQueue
from kvmreconcile.daemon.watchdog import Watchdog
from kvmreconcile.daemon.worker import Worker
from kvmreconcile.events.events import Subscriber, publish
from kvmreconcile.host.connection import connect
from kvmreconcile.metrics import CONTENT_TYPE, Metrics
from kvmreconcile.metrics.deliveries import Deliveries
from kvmreconcile.notify import Notifier
from kvmreconcile.notify.receiver import Receiver
from kvmreconcile.reconcile.passes import Passes
from kvmreconcile.reconcile.reading import Reading
from kvmreconcile.reconcile.stale import PROGRESS, SPECS
from kvmreconcile.session.kinds import Kinds
from kvmreconcile.session.origin import find_origin, find_repository
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import Retention, State

TEND_S = 1.0
"""How often connection and watches are checked, which costs a few system calls."""
GRACE_S = 20.0
"""How long a pass may take to end once it is told to; a guest that shuts down slowly is not waited for."""

log = structlog.get_logger()


class Service:
    """The daemon from start to stop."""

    def __init__(
        self,
        settings: Settings,
        paths: Sequence[Path],
        kinds: Kinds,
        state: State,
        receivers: Sequence[Receiver] = (),
    ) -> None:
        self._settings = settings
        self._state = state
        self._watchdog = Watchdog(watchdog_s())
        self._triggers = TriggerQueue(settings.debounce_s, awake=self._watchdog.answer)
        self._stopping = Event()
        repository = None if paths else find_repository(settings)
        watched = () if repository else find_origin(paths, settings).paths
        self._writers = OpenFiles(settings.settle.read_s)
        self._watch = Watch(watched, lambda: self._triggers.ring(SPECS), settings.watch, self._writers)
        self._store_watch = PoolWatch(self._triggers.ring, kinds, settings.connect)
        self._unwatched: tuple[str, ...] = ()
        self._unwatched_stores: tuple[str, ...] = ()
        self._latest_status = LatestStatus(settings, version("kvmreconcile"))
        reconnect = Reconnect(time.monotonic)
        self._metrics = Metrics(lambda: self._latest_status.status, self._triggers.triggered_by)
        self._metrics.add(Deliveries(receivers))
        self._sampling = sampling(settings, self._metrics)
        self._notifier = Notifier(receivers, lambda: self._latest_status.status)
        self._probe = ReadinessProbe(
            lambda: connect(settings.connect), kinds, lambda news: publish(self._subscribers, news)
        )
        kept = Retention(settings.history.entries, settings.history.age_s)
        history_writer = HistoryWriter(state, kept, lambda news: publish(self._subscribers, news))
        # The newest snapshot first: others read it when they are told.
        self._subscribers: tuple[Subscriber, ...] = (
            self._latest_status, NoticeLog(), status, self._metrics, self._notifier, self._probe, reconnect, history_writer,
            self._store_watch,
        )  # fmt: skip
        self._poll = (
            GitPoll(repository, lambda: self._triggers.ring(SPECS), self._subscribers) if repository else None
        )
        self._passes = self._make_passes(paths)
        self._worker = self._make_worker(kinds, reconnect)
        self._look: Callable[[], None] = lambda: self._triggers.ring(SPECS)
        self._control = Control(settings, lambda: build(self._answers()))

    def _make_passes(self, paths: Sequence[Path]) -> Passes:
        return Passes(
            origin=lambda: find_origin(paths, self._settings),
            again=lambda: self._triggers.ring(PROGRESS),
            triggered_by=self._triggers.triggered_by,
            subscribers=self._subscribers,
            alive=self._watchdog.answer,
            reading=Reading(self._writers.written),
        )

    def _make_worker(self, kinds: Kinds, reconnect: Reconnect) -> Worker:
        return Worker(
            settings=self._settings,
            kinds=kinds,
            state=self._state,
            passes=self._passes,
            reconnect=reconnect,
            triggers=self._triggers,
            watchdog=self._watchdog,
            subscribers=self._subscribers,
            stopping=self._stopping,
        )

    def run(self) -> bool:
        """Work until a signal says to stop; tell whether everything had ended by then or soon after."""
        worker = ThreadPoolExecutor(1, thread_name_prefix="passes")
        with (
            signals() as told, self._notifier, self._watch, self._store_watch, self._probe, self._sampling, self._times(),
            closing(self._control),
        ):  # fmt: skip
            work = worker.submit(self._work, told)
            self._control.tend()
            notify("READY=1")
            while (reason := told.wait()) == RELOAD:
                reloading()
                log.info("daemon.reloading")
                self._look()
                notify("READY=1")
            notify("STOPPING=1")
            log.info("daemon.stopping", signal=signal.Signals(reason).name if reason else "")
            self._stopping.set()
            self._passes.approvals.close()
            self._triggers.close()
            wait([work], GRACE_S)
        worker.shutdown(wait=False)
        if work.done():
            work.result()
        # What git does can be cut short at any time, and would be waited for.
        return work.done() and not (self._poll and self._poll.is_asking)

    def _times(self) -> Schedule:
        """Return what is to be done again and again."""
        schedule, resync_s = Schedule(), self._settings.resync_s
        schedule.every(resync_s, lambda: self._triggers.ring("resync"), min(30.0, resync_s / 10))
        schedule.every(TEND_S, self._tend)
        schedule.every(self._watchdog.each_s, lambda: self._watchdog.beat(self._triggers.poke))
        if self._poll and self._settings.git:
            # Hosts that share a repository do not ask all at once.
            poll_s = self._settings.git.poll_s
            self._look = schedule.every(poll_s, self._poll, poll_s / 10)
            self._look()
        self._tend_watch()
        return schedule

    def _look_for_specs(self) -> None:
        self._look()

    def _answers(self) -> Answers:
        """Return what the control socket answers with, and whom it tells what it was told."""
        orders = Orders(
            status=lambda: self._latest_status.status,
            state=self._state,
            approvals=self._passes.approvals,
            ring=self._triggers.ring,
            retry=self._passes.retry,
            look=self._look_for_specs,
            subscribers=self._subscribers,
        )
        pages = {"/metrics": Page(CONTENT_TYPE, self._metrics.render)}
        return Answers(
            orders.status, orders, pages, lambda: hook_secret(self._settings.control), self._watchdog.stuck
        )

    def _tend(self) -> None:
        """Mend watches and doors, and see to it that a lost connection is noticed."""
        self._control.tend()
        self._worker.tend()
        self._tend_watch()

    def _tend_watch(self) -> None:
        unwatched = self._watch.tend()
        if unwatched != self._unwatched:
            self._unwatched = unwatched
            log.warning("watch.failed" if unwatched else "watch.mended", where=list(unwatched))
        unwatched = self._store_watch.tend()
        if unwatched != self._unwatched_stores:
            self._unwatched_stores = unwatched
            # No fault: what changes there is found by the next full pass.
            log.info("watch.pools_skipped", where=list(unwatched))

    def _work(self, told: Waiting) -> None:
        try:
            self._worker.work()
        finally:
            told.ring(ENDED)
