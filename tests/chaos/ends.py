"""In which state a fault must end: converged, held, or reported as a mistake in a spec."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.chaos.arena import Arena

Fault = Callable[[Arena, Random], str | None]
"""Does it and says what it did, for the journal; None where it found nothing to do, so that nothing was injected."""


@dataclass(frozen=True)
class Converged:
    """Everything becomes as its spec says, with nothing but time."""


@dataclass(frozen=True)
class Mended:
    """Nothing can be said before somebody mends it, as nothing can be done; then it converges."""


@dataclass(frozen=True)
class Reported:
    """A spec is wrong, and said to be; its object stays as it is. Converged once it is mended."""


@dataclass(frozen=True)
class Held:
    """
    Objects are held until somebody mends it; then it converges.

    Attributes:
        keys: Which objects.
        holds: By one of which holds.
        others: By which holds others may be that need them.
    """

    keys: frozenset[str]
    holds: frozenset[str]
    others: frozenset[str] = field(default_factory=frozenset)


Ends = Converged | Mended | Reported | Held


def _nothing(_arena: Arena) -> None:
    """Leave it: it converges by itself, or is mended with all others of its kind."""


@dataclass(frozen=True)
class Row:
    """
    A fault, the state it must end in, and how often it comes beside the others.

    Attributes:
        mend: Takes it back.
        kills_daemon: Whether it ends the daemon and starts it again.
        only: The feature of the host that it needs, such as "repository" (`Arena.features`).
    """

    do: Fault
    weight: int = 4
    ends: Ends = Converged()
    mend: Callable[[Arena], None] = _nothing
    kills_daemon: bool = False
    only: str = ""

    @property
    def name(self) -> str:
        """What it is called in the journal."""
        return self.do.__name__
