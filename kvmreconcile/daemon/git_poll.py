"""
Fetch the repository, and trigger a pass after each switch to a newer revision.

The fetch runs in its own thread, so that a slow server does not delay passes.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from kvmreconcile.errors import SourceError
from kvmreconcile.events.events import RepositoryChecked, Subscriber, publish
from kvmreconcile.source.git import Repository

PROGRESS_INTERVAL_S = 10.0
"""How often the progress of a download is logged."""

log = structlog.get_logger()


class GitPoll:
    """
    Fetches the repository when it is called; a problem that persists is logged once.

    Attributes:
        is_fetching: Whether a fetch is running.
    """

    def __init__(
        self, repository: Repository, trigger: Callable[[], None], subscribers: tuple[Subscriber, ...] = ()
    ) -> None:
        self._repository = repository
        self._subscribers = subscribers
        self._trigger = trigger
        self._reported_problem = ""
        self._clock, self._logged_s = time.monotonic, 0.0
        self.is_fetching = False

    def __call__(self) -> None:
        """Fetch the newest revision and switch to it."""
        self.is_fetching, self._logged_s = True, self._clock()
        try:
            why = self._fetch()
            commit = self._in_force().get("commit", "")
            publish(
                self._subscribers, RepositoryChecked(datetime.now(UTC), self._repository.name, commit, why)
            )
        finally:
            self.is_fetching = False

    def _fetch(self) -> str:
        """Return why a newer revision could not be fetched or was refused, or "" on success."""
        try:
            is_new = self._repository.update(self._log_progress)
        except SourceError as error:
            if self._reported_problem != (wrong := str(error)):
                log.warning("revision.refused", audit=True, where=error.problem.where,
                            what=error.problem.what, todo=error.problem.todo, **self._in_force())  # fmt: skip
            self._reported_problem = wrong
            return wrong
        if self._reported_problem:
            log.info("revision.mended", where=self._repository.name)
            self._reported_problem = ""
        if is_new:
            log.info("revision.in_force", audit=True, **self._in_force())
            self._trigger()
        return ""

    def _log_progress(self, line: str) -> None:
        """Log the progress of a download, but only every few seconds."""
        if self._clock() - self._logged_s >= PROGRESS_INTERVAL_S:
            self._logged_s = self._clock()
            log.info("revision.fetching", where=self._repository.name, progress=line)

    def _in_force(self) -> dict[str, str]:
        found = self._repository.in_force()
        if found is None:
            return {}
        revision = found[0]
        said = {"commit": revision.commit, "subject": revision.subject, "author": revision.author}
        return said | ({"signer": revision.signer} if revision.signer else {})
