"""Define the settings for how long specs must be unchanged before they take effect."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.schema.section import Seconds, Spec


class SettleSettings(Spec):
    """How long specs must be unchanged before they take effect."""

    read_s: Annotated[
        Seconds,
        Field(
            alias="read",
            ge=0,
            description='A time such as "2s". A changed file is used as soon as it is closed or moved into place. If neither '
            "event is reported, as on network file systems, the file is used after it has been unchanged for "
            "this long. Until then, the previous content is used. Git repositories are not affected, because "
            'commits are always complete. Defaults to "2s".',
        ),
    ] = 2.0
    removal_s: Annotated[
        Seconds,
        Field(
            alias="removal",
            ge=0,
            description='A time such as "30s". Delay of removals. An object, a device of a running guest, or an address, '
            "range or name of a running network is removed after it has been missing from the specs for this "
            'long, or immediately after an approval. "0s" disables the delay. Defaults to "30s".',
        ),
    ] = 30.0
