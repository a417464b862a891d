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
            description='A time such as "2s". A changed file is used once its writer has closed it or moved it into '
            "place. If that is not reported, as on a network file system, it is used once it has been unchanged for "
            "this long. Until then its last content is used. A commit of a repository is always complete. Defaults to "
            '"2s".',
        ),
    ] = 2.0
    removal_s: Annotated[
        Seconds,
        Field(
            alias="removal",
            ge=0,
            description='A time such as "30s". What an edit deletes (an object; a device of a running guest; an address, '
            "range or name of a running network) is removed once the specs have been without it for this long, or at "
            'once by an approval. "0s" turns this off. Defaults to "30s".',
        ),
    ] = 30.0
