"""Define a row of the table of hostile input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Row(Generic[T]):
    """
    One input.

    Attributes:
        make: The input, or a function that makes it; the type depends on the kind of input.
        refusal: Text that the error message must contain; "" if the input is harmless and accepted.
        case: Number of the row of tests/host_cases.yaml that the input covers, "" for none.
    """

    name: str
    make: T
    refusal: str
    case: str = ""


Made = Callable[[], bytes]
