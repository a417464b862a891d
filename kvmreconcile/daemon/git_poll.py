"""
Fetch the repository, and trigger a pass when a newer revision is in force.

It runs in a thread of its own: a server that answers slowly, or never, delays no pass.
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
    Fetches when it is called; a failure is logged once, until it is over or another takes its place.

    Attributes:
        is_asking: Whether a fetch is under way.
    """

    def __init__(
        self, repository: Repository, ring: Callable[[], None], subscribers: tuple[Subscriber, ...] = ()
    ) -> None:
        self._repository = repository
        self._subscribers = subscribers
        self._ring = ring
        self._wrong = ""
        self._clock, self._logged_s = time.monotonic, 0.0
        self.is_asking = False

    def __call__(self) -> None:
        """Bring the newest revision into force."""
        self.is_asking, self._logged_s = True, self._clock()
        try:
            why = self._ask()
            commit = self._in_force().get("commit", "")
            publish(
                self._subscribers, RepositoryChecked(datetime.now(UTC), self._repository.name, commit, why)
            )
        finally:
            self.is_asking = False

    def _ask(self) -> str:
        """Return why a newer revision cannot be had or must not be used, "" where all is well."""
        try:
            is_new = self._repository.update(self._log_progress)
        except SourceError as error:
            if self._wrong != (wrong := str(error)):
                log.warning("revision.refused", audit=True, where=error.problem.where,
                            what=error.problem.what, todo=error.problem.todo, **self._in_force())  # fmt: skip
            self._wrong = wrong
            return wrong
        if self._wrong:
            log.info("revision.mended", where=self._repository.name)
            self._wrong = ""
        if is_new:
            log.info("revision.in_force", audit=True, **self._in_force())
            self._ring()
        return ""

    def _log_progress(self, line: str) -> None:
        """Log how far a download is, every few seconds."""
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
