"""The daemon: passes over and over. Separate from the command line, which does one and ends."""

import faulthandler
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import structlog

from kvmreconcile.daemon.log import set_up
from kvmreconcile.daemon.memory_protection import keep_memory_private
from kvmreconcile.daemon.systemd import connecting, starting
from kvmreconcile.execute.plugins import EXECUTORS, PLANNERS, REPORTERS, load_plugin
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.session.origin import find_repository
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import State
from kvmreconcile.system.children import end_children


def run(settings: Settings, paths: Sequence[Path]) -> int:
    """
    Keep the host as the specs say until told to stop, and return the exit status.

    Raises:
        KvmReconcileError: It cannot start.
    """
    from kvmreconcile.daemon.service import Service  # noqa: PLC0415  loads libvirt, and takes its time
    from kvmreconcile.notify import open_receivers  # noqa: PLC0415  follows the daemon, of which this is the door

    kinds = known_kinds()
    for group, name in (
        (PLANNERS, settings.planner),
        (EXECUTORS, settings.executor),
        (REPORTERS, settings.reporter),
    ):
        load_plugin(group, name)
    receivers = open_receivers(settings.notify, settings.host)
    set_up(sys.stderr)
    # Where each thread stood when systemd ended a daemon that was stuck.
    faulthandler.enable()
    keep_memory_private()
    starting()
    log = structlog.get_logger()
    with closing(State.open(settings.state)) as state:
        repository = find_repository(settings)
        specs = [str(p) for p in paths] or [repository.name if repository else str(settings.specs)]
        where = {"connect": settings.connect, "specs": specs, "state": str(settings.state)}
        log.info("daemon.started", version=version("kvmreconcile"), instance=settings.instance, **where)
        if state.notice:
            damaged = {"damaged": str(state.recovered)} if state.recovered else {}
            log.warning("state.recovered", why=state.notice, **damaged)
        connecting(settings.connect)
        has_ended = Service(settings, paths, kinds, state, receivers).run()
        log.info("daemon.stopped", cut_short=not has_ended)
        if not has_ended:
            # A step is still under way in a thread that cannot be stopped. Every step is safe to be cut short.
            end_children()
            os._exit(0)
    return 0
