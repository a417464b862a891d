"""Define the settings that limit what one pass may do."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.schema.section import Spec


class LimitSettings(Spec):
    """Limits on what one pass may do; actions that would exceed a limit are held."""

    max_delete_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction (0 to 1) of the managed objects of a kind that one pass may delete. A pass that "
            "would exceed this limit deletes no object of the kind, and no object that such an object refers "
            "to. One object is always allowed, unless `maxDelete` is 0 or this exception would apply to several "
            "kinds in one pass. Defaults to 0.3.",
        ),
    ] = 0.3
    max_delete: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may delete, regardless of `maxDeleteShare`. A "
            "pass that would exceed this limit deletes no object of the kind, and no object that such an object "
            "refers to. Defaults to 10.",
        ),
    ] = 10
    max_restart_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction (0 to 1) of the running objects of a kind that one pass may restart, stop or "
            "pause. A pass that would exceed this limit restarts, stops or pauses no object of the kind. One "
            "object is always allowed, unless `maxRestart` is 0. Defaults to 0.5.",
        ),
    ] = 0.5
    max_restart: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may restart, stop or pause, regardless of "
            "`maxRestartShare`. A pass that would exceed this limit restarts, stops or pauses no object of the "
            "kind. Defaults to 10.",
        ),
    ] = 10
    max_replace_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction (0 to 1) of the existing objects of a kind that one pass may replace. "
            "A pass that would exceed this limit replaces no object of the kind. One object is always allowed, "
            "unless `maxReplace` is 0. Defaults to 0.3.",
        ),
    ] = 0.3
    max_replace: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may replace, regardless of "
            "`maxReplaceShare`. A pass that would exceed this limit replaces no object of the kind. Defaults "
            "to 5.",
        ),
    ] = 5
    max_remake_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction (0 to 1) of the completely created volumes that one pass may recreate without "
            "approval because they are missing. A pass that would exceed this limit recreates no volume. One "
            "volume is always allowed, unless `maxRemake` is 0. A missing volume that contained data is held "
            "regardless of this limit, unless its spec allows data-loss. Defaults to 0.3.",
        ),
    ] = 0.3
    max_remake: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of missing volumes that one pass may recreate without approval, regardless of "
            "`maxRemakeShare`. A pass that would exceed this limit recreates no volume. Defaults to 5.",
        ),
    ] = 5
