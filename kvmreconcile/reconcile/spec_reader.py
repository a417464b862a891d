"""Read specs for passes: only after a possible change, and only completely written files."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from kvmreconcile.model import Facts
from kvmreconcile.reconcile.first_seen import FirstSeenLog
from kvmreconcile.reconcile.stale_objects import StaleObjects
from kvmreconcile.session.kinds import Kinds, document_kinds
from kvmreconcile.session.origin import SpecOrigin, local_host
from kvmreconcile.session.session import Session
from kvmreconcile.source.coverage import Coverage
from kvmreconcile.source.files import SpecFile, read_spec_files
from kvmreconcile.source.load import Loader
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.source.unfinished_files import Drafts
from kvmreconcile.source.write_state import WriteState


def writer_unknown(_file: SpecFile) -> WriteState:
    """Return UNSURE for every file: it is unknown whether a process is still writing the file."""
    return WriteState.UNSURE


@dataclass(slots=True)
class SpecReader:
    """
    A reader of specs that keeps the result of the last read.

    Attributes:
        written: Returns whether a file is completely written.
        clock: Returns the time of a monotonic clock in seconds.
        drafts: The last complete content of each file.
    """

    written: Callable[[SpecFile], WriteState] = writer_unknown
    clock: Callable[[], float] = time.monotonic
    drafts: Drafts = field(init=False)
    _loader: Loader | None = None
    _kinds: Kinds | None = None
    _specs: Loaded | None = None
    _origin: SpecOrigin | None = None
    _read_facts: tuple[object, ...] = ()
    _expand_s: float | None = None
    _first_seen: FirstSeenLog = field(default_factory=FirstSeenLog)

    def __post_init__(self) -> None:
        """Create `drafts` without reading any file."""
        self.drafts = Drafts(self.written, self.clock)

    def due_s(self) -> float | None:
        """Return the time at which to read again without a trigger; None if not needed."""
        times = (s for s in (self.drafts.due_s, self._expand_s) if s is not None)
        return min(times, default=None)

    def load(self, origin: SpecOrigin, session: Session, stale: StaleObjects) -> Loaded:
        """Return the specs, and mark objects with changed specs as stale."""
        if self._loader is None or self._kinds is not session.kinds:
            self._kinds, self._specs = session.kinds, None
            settings = session.settings
            kinds, host = document_kinds(session.kinds), local_host(settings)
            self._loader = Loader(kinds, settings.instance, host)
        before = self._specs.desired if self._specs else {}
        facts, due_s = session.facts(datetime.now(UTC)), self.due_s()
        is_due = due_s is not None and self.clock() >= due_s
        is_due = is_due or (self._specs is not None and facts.values(self._specs.reads) != self._read_facts)
        if self._specs is None or stale.specs or stale.everything or origin != self._origin or is_due:
            self._specs = self._read(self._loader, origin, session.settings.settle.read_s, facts)
            self._origin, self._read_facts = origin, facts.values(self._specs.reads)
            stale.keys |= {k for k, d in self._specs.desired.items() if before.get(k) is not d}
        return self._specs

    def _read(self, loader: Loader, origin: SpecOrigin, unchanged_s: float, facts: Facts) -> Loaded:
        read_s = self.clock()
        found = read_spec_files(origin.paths, origin.naming)
        counts = found if origin.commit else self.drafts.finished(found, unchanged_s)
        specs = loader.combine(counts, Coverage(tuple(origin.paths), origin.naming), facts)
        wait_s = (specs.until - facts.now).total_seconds() if specs.until else None
        self._expand_s = None if wait_s is None else read_s + max(0.0, wait_s)
        first_seen = self._first_seen.record(specs, read_s, delivered=bool(origin.commit))
        return replace(specs, first_seen=first_seen, source=origin.source)
