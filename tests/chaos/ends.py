"""In which state a fault must end: converged, held, or reported as a mistake in a spec."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.chaos.arena import Arena

Fault = Callable[[Arena, Random], str | None]
"""Injects a fault and returns a description for the journal; None if there was nothing to do, so that nothing was injected."""


@dataclass(frozen=True)
class Converged:
    """Everything converges to its spec without intervention."""


@dataclass(frozen=True)
class Repaired:
    """No state is expected before the fault is repaired; then everything converges."""


@dataclass(frozen=True)
class Reported:
    """A spec is invalid and reported; its object stays as it is. Converged once it is repaired."""


@dataclass(frozen=True)
class Held:
    """
    Objects are held until the fault is repaired; then everything converges.

    Attributes:
        keys: The keys of these objects.
        holds: The holds, one of which each has.
        others: The holds that their dependents may have.
    """

    keys: frozenset[str]
    holds: frozenset[str]
    others: frozenset[str] = field(default_factory=frozenset)


Ends = Converged | Repaired | Reported | Held


def _nothing(_arena: Arena) -> None:
    """Do nothing: it converges by itself, or is repaired with all others of its kind."""


@dataclass(frozen=True)
class Row:
    """
    A fault, the state it must end in, and its weight beside the others.

    Attributes:
        repair: Repairs it.
        kills_daemon: Whether it restarts the daemon.
        only: The feature of the host that it needs, such as "repository" (`Arena.features`).
    """

    do: Fault
    weight: int = 4
    ends: Ends = Converged()
    repair: Callable[[Arena], None] = _nothing
    kills_daemon: bool = False
    only: str = ""

    @property
    def name(self) -> str:
        """Its name in the journal."""
        return self.do.__name__
