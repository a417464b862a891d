"""
Assemble the daemon, and start and stop its threads.

One thread makes passes. Other threads keep time, watch files and receive libvirt events, and then only enqueue
triggers. Only the thread that makes passes changes the host. Orders such as `suspend` are stored in the state by the
threads that receive them.
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

from kvmreconcile.control.app import Page, StatusRoutes, build_app
from kvmreconcile.control.listeners import Control
from kvmreconcile.control.orders import Orders
from kvmreconcile.control.webhook import hook_secret
from kvmreconcile.daemon.condition_log import ConditionLog
from kvmreconcile.daemon.git_poll import GitPoll
from kvmreconcile.daemon.history import HistoryWriter
from kvmreconcile.daemon.latest_status import LatestStatus
from kvmreconcile.daemon.open_files import OpenFiles
from kvmreconcile.daemon.pool_watch import PoolWatch
from kvmreconcile.daemon.readiness_probe import ReadinessProbe
from kvmreconcile.daemon.reconnect import Reconnect
from kvmreconcile.daemon.sampler import sample_domains
from kvmreconcile.daemon.schedule import Schedule
from kvmreconcile.daemon.signals import ENDED, RELOAD, SignalSocket, catch_signals
from kvmreconcile.daemon.spec_watch import SpecWatch
from kvmreconcile.daemon.systemd import notify, notify_reloading, notify_status, watchdog_s
from kvmreconcile.daemon.trigger import TriggerQueue
from kvmreconcile.daemon.watchdog import ThreadWatchdog
from kvmreconcile.daemon.worker import Worker
from kvmreconcile.events.events import PassEvent, Subscriber, publish
from kvmreconcile.host.connection import connect
from kvmreconcile.metrics import CONTENT_TYPE, Metrics
from kvmreconcile.metrics.deliveries import Deliveries
from kvmreconcile.notify import Notifier
from kvmreconcile.notify.receiver import Receiver
from kvmreconcile.reconcile.passes import Passes
from kvmreconcile.reconcile.spec_reader import SpecReader
from kvmreconcile.reconcile.stale_objects import PROGRESS, SPECS
from kvmreconcile.session.kinds import Kinds
from kvmreconcile.session.origin import find_origin, find_repository
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import Retention, State
from kvmreconcile.status import Status

MAINTENANCE_S = 1.0
"""How often the connection and the watches are checked; each check costs a few system calls."""
GRACE_S = 20.0
"""How long a stopping daemon waits for a pass to end; a guest may take longer to shut down."""

log = structlog.get_logger()


class Service:
    """The parts of the daemon, from start to stop."""

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
        self._watchdog = ThreadWatchdog(watchdog_s())
        self._triggers = TriggerQueue(settings.debounce_s, awake=self._watchdog.answer)
        self._stopping = Event()
        repository = None if paths else find_repository(settings)
        self._writers = OpenFiles(settings.settle.read_s)
        watched = () if repository else find_origin(paths, settings).paths
        self._spec_watch = SpecWatch(watched, self._trigger_specs, settings.watch, self._writers)
        self._pool_watch = PoolWatch(self._triggers.enqueue, kinds, settings.connect)
        self._unwatched: tuple[str, ...] = ()
        self._unwatched_pools: tuple[str, ...] = ()
        self._latest_status = LatestStatus(settings, version("kvmreconcile"))
        self._metrics = self._make_metrics(receivers)
        self._sampling = sample_domains(settings, self._metrics)
        self._notifier = Notifier(receivers, self._status)
        self._probe = ReadinessProbe(lambda: connect(settings.connect), kinds, self._publish)
        reconnect = Reconnect(time.monotonic)
        self._subscribers = self._make_subscribers(reconnect)
        self._poll = GitPoll(repository, self._trigger_specs, self._subscribers) if repository else None
        self._passes = self._make_passes(paths)
        self._worker = self._make_worker(kinds, reconnect)
        self._check_specs: Callable[[], None] = self._trigger_specs
        self._control = Control(settings, lambda: build_app(self._make_routes()))

    def _status(self) -> Status:
        return self._latest_status.status

    def _publish(self, event: PassEvent) -> None:
        publish(self._subscribers, event)

    def _trigger_specs(self) -> None:
        self._triggers.enqueue(SPECS)

    def _make_metrics(self, receivers: Sequence[Receiver]) -> Metrics:
        metrics = Metrics(self._status, self._triggers.triggered_by)
        metrics.add(Deliveries(receivers))
        return metrics

    def _make_subscribers(self, reconnect: Reconnect) -> tuple[Subscriber, ...]:
        kept = Retention(self._settings.history.entries, self._settings.history.age_s)
        # The status is the first subscriber, because other subscribers read it when they receive an event.
        return (
            self._latest_status, ConditionLog(), notify_status, self._metrics, self._notifier, self._probe, reconnect,
            HistoryWriter(self._state, kept, self._publish), self._pool_watch,
        )  # fmt: skip

    def _make_passes(self, paths: Sequence[Path]) -> Passes:
        return Passes(
            origin=lambda: find_origin(paths, self._settings),
            trigger_next=lambda: self._triggers.enqueue(PROGRESS),
            triggered_by=self._triggers.triggered_by,
            subscribers=self._subscribers,
            report_alive=self._watchdog.answer,
            reader=SpecReader(self._writers.written),
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
        """Run until a signal stops the daemon; return whether all work ended in time."""
        worker = ThreadPoolExecutor(1, thread_name_prefix="passes")
        with (
            catch_signals() as signal_socket, self._notifier, self._spec_watch, self._pool_watch, self._probe, self._sampling, self._make_schedule(),
            closing(self._control),
        ):  # fmt: skip
            work = worker.submit(self._work, signal_socket)
            self._control.maintain()
            notify("READY=1")
            while (reason := signal_socket.wait()) == RELOAD:
                notify_reloading()
                log.info("daemon.reloading")
                self._check_specs()
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
        # A fetch may be aborted at any time; a regular exit would wait for it.
        return work.done() and not (self._poll and self._poll.is_fetching)

    def _make_schedule(self) -> Schedule:
        """Return the schedule of the periodic jobs."""
        schedule, resync_s = Schedule(), self._settings.resync_s
        schedule.every(resync_s, lambda: self._triggers.enqueue("resync"), min(30.0, resync_s / 10))
        schedule.every(MAINTENANCE_S, self._maintain)
        schedule.every(self._watchdog.each_s, lambda: self._watchdog.beat(self._triggers.wake))
        if self._poll and self._settings.git:
            # The jitter keeps hosts that share a repository from fetching at the same time.
            poll_s = self._settings.git.poll_s
            self._check_specs = schedule.every(poll_s, self._poll, poll_s / 10)
            self._check_specs()
        self._maintain_watches()
        return schedule

    def _check_specs_now(self) -> None:
        self._check_specs()

    def _make_routes(self) -> StatusRoutes:
        """Return the routes of the control socket."""
        orders = Orders(
            status=self._status,
            state=self._state,
            approvals=self._passes.approvals,
            enqueue=self._triggers.enqueue,
            retry=self._passes.retry,
            check_specs=self._check_specs_now,
            subscribers=self._subscribers,
        )
        pages = {"/metrics": Page(CONTENT_TYPE, self._metrics.render)}
        return StatusRoutes(
            orders.status, orders, pages, lambda: hook_secret(self._settings.control), self._watchdog.stuck
        )

    def _maintain(self) -> None:
        """Open missing listeners and watches, and detect a lost connection."""
        self._control.maintain()
        self._worker.maintain()
        self._maintain_watches()

    def _maintain_watches(self) -> None:
        unwatched = self._spec_watch.maintain()
        if unwatched != self._unwatched:
            self._unwatched = unwatched
            log.warning("watch.failed" if unwatched else "watch.mended", where=list(unwatched))
        unwatched = self._pool_watch.maintain()
        if unwatched != self._unwatched_pools:
            self._unwatched_pools = unwatched
            # Not a warning: the next full pass finds changes in these directories.
            log.info("watch.pools_skipped", where=list(unwatched))

    def _work(self, signal_socket: SignalSocket) -> None:
        try:
            self._worker.work()
        finally:
            signal_socket.send(ENDED)
