"""Autostart of a domain when the host boots."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec


class AutostartFields(Spec):
    """Field of Domain for autostart."""

    autostart: Annotated[
        bool | None,
        Field(
            description=(
                "Whether libvirt starts the guest when the host boots. Defaults to the actual value "
                "(false for a new guest)."
            )
        ),
    ] = None


SECTION = Section(AutostartFields)
