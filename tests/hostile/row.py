"""A row of the table of hostile input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Row(Generic[T]):
    """
    One input.

    Attributes:
        make: Makes it, or is it; of which type depends on what it is given to.
        refusal: What the answer must hold; "" where it is harmless, and taken as it is.
        case: The fault that it shows mended (tests/host_cases.yaml).
    """

    name: str
    make: T
    refusal: str
    case: str = ""


Made = Callable[[], bytes]
