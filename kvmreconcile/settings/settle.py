"""The settings that say for how long specs must have been as they are before they count in full."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.schema.section import Seconds, Spec


class SettleSettings(Spec):
    """How long the specs must have been as they are before they count in full."""

    read_s: Annotated[
        Seconds,
        Field(
            alias="read",
            ge=0,
            description='A time such as "2s". A file that has changed counts once its writer has closed it or '
            "moved it into place. Where that is not reported, as on a share, it counts once it has been unchanged "
            "for this long. Until then the daemon goes by what it said before. A commit of a repository is always "
            'complete. Defaults to "2s".',
        ),
    ] = 2.0
    removal_s: Annotated[
        Seconds,
        Field(
            alias="removal",
            ge=0,
            description='A time such as "30s". What an edit takes away (an object; a device of a running guest; an '
            "address, a range or a name of a running network) is removed once the specs have said so for this "
            'long, or at once by an approval. "0s" turns this off. Defaults to "30s".',
        ),
    ] = 30.0
