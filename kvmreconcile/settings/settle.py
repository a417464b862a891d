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
            description='A time such as "2s". A changed file is used once its writer has closed it or moved it into place. '
            "If neither is reported, as on a network file system, the file is used once it has been unchanged "
            "for this long. Until then, its previous content is used. This does not apply to commits of a "
            'repository, which are always complete. Defaults to "2s".',
        ),
    ] = 2.0
    removal_s: Annotated[
        Seconds,
        Field(
            alias="removal",
            ge=0,
            description='A time such as "30s". Delay of removals. An object, a device of a running guest, or an address, '
            "range or name of a running network is removed once it has been missing from the specs for this "
            'long, or at once by an approval. "0s" turns this off. Defaults to "30s".',
        ),
    ] = 30.0
