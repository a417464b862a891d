"""Run the daemon, which reconciles the host continuously."""

import faulthandler
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import structlog

from kvmreconcile.daemon.log import configure_logging
from kvmreconcile.daemon.memory_protection import keep_memory_private
from kvmreconcile.daemon.systemd import notify_connecting, notify_starting
from kvmreconcile.execute.plugins import EXECUTORS, PLANNERS, REPORTERS, load_plugin
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.session.origin import find_repository
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import State
from kvmreconcile.system.child_processes import end_children


def run(settings: Settings, paths: Sequence[Path]) -> int:
    """
    Reconcile the host until a signal stops the daemon, and return the exit status.

    Raises:
        KvmReconcileError: The daemon cannot start.
    """
    from kvmreconcile.daemon.service import Service  # noqa: PLC0415  loads libvirt, which is slow
    from kvmreconcile.notify import open_receivers  # noqa: PLC0415  only the running daemon needs it

    kinds = known_kinds()
    for group, name in (
        (PLANNERS, settings.planner),
        (EXECUTORS, settings.executor),
        (REPORTERS, settings.reporter),
    ):
        load_plugin(group, name)
    receivers = open_receivers(settings.notify, settings.host)
    configure_logging(sys.stderr)
    # Prints the stack of each thread when systemd aborts a daemon that is stuck.
    faulthandler.enable()
    keep_memory_private()
    notify_starting()
    log = structlog.get_logger()
    with closing(State.open(settings.state)) as state:
        repository = find_repository(settings)
        specs = [str(p) for p in paths] or [repository.name if repository else str(settings.specs)]
        places = {"connect": settings.connect, "specs": specs, "state": str(settings.state)}
        log.info("daemon.started", version=version("kvmreconcile"), instance=settings.instance, **places)
        if state.notice:
            damaged = {"damaged": str(state.recovered)} if state.recovered else {}
            log.warning("state.recovered", why=state.notice, **damaged)
        notify_connecting(settings.connect)
        has_ended = Service(settings, paths, kinds, state, receivers).run()
        log.info("daemon.stopped", cut_short=not has_ended)
        if not has_ended:
            # A step is still running in a thread that cannot be stopped. It is safe to interrupt any step.
            end_children()
            os._exit(0)
    return 0
