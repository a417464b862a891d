"""
How a guest shows that it does its work.

Separate from what is said of its power, because that it runs says nothing about what runs in it.
"""

from typing import Annotated

from pydantic import Field, model_validator

from kvmreconcile.kinds.part import Seconds, Spec
from kvmreconcile.model import Ready


class ReadySpec(Spec):
    """How a guest shows that it does its work; all that is named must hold at the same time."""

    agent: Annotated[
        bool,
        Field(description="The guest agent answers. Defaults to false."),
    ] = False
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            gt=0,
            description='A time such as "90s" or "5min". How long it may take from its start; then the step has failed, '
            'the guest runs on, and what is to be started after it is not. Defaults to "2min".',
        ),
    ] = 120.0

    @model_validator(mode="after")
    def _check(self) -> "ReadySpec":
        if not self.agent:
            raise ValueError("say by what it shows; name agent")
        return self

    def asked(self) -> Ready:
        """Return what is asked of the guest."""
        return Ready(self.agent, self.timeout_s)
