"""
Define the JSON bodies of orders (requests such as `approve`).

The format is stable, because clients rely on it.
"""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from kvmreconcile.model import LATEST, Key
from kvmreconcile.schema.section import Spec

Words = Annotated[str, StringConstraints(max_length=500)]


class Approve(Spec):
    """The digest of the plan to approve, and the user's reason."""

    digest: Annotated[str, Field(min_length=1, max_length=64)]
    why: Words = ""


class Accept(Spec):
    """The user's reason for binding the state database to the connected host."""

    why: Words = ""


class About(Spec):
    """The key of one object, or `all` for all objects."""

    key: Annotated[str, Field(pattern="^[^/]+/.+$", max_length=500)] | None = None
    everything: Annotated[bool, Field(alias="all")] = False

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.key is None) != self.everything:
            raise ValueError('set either "key": "KIND/NAME" or "all": true')
        return self

    def object(self) -> Key | None:
        """Return the key of the object, or None for all objects."""
        return Key.read(self.key) if self.key else None


class Suspend(About):
    """The object to suspend; without `until`, the suspension lasts until it is lifted."""

    until: AwareDatetime | None = None
    why: Words = ""

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.until is None:
            return self
        try:
            is_dated = self.until.astimezone(UTC) <= LATEST
        except OverflowError:
            is_dated = self.until.year == 1
        if not is_dated:
            raise ValueError("until is too far in the future")
        if self.until <= datetime.now(UTC):
            raise ValueError("until is not in the future")
        return self
