"""Define the settings that limit what one pass may do."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.schema.section import Spec


class LimitSettings(Spec):
    """How much one pass may do; a plan that would do more is held."""

    max_delete_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction of the managed objects of a kind that one pass may delete (0 to 1). A pass that "
            "would exceed it deletes none of that kind, nor any object to which they refer. One object is "
            "always allowed, unless `maxDelete` is 0, or this exception would apply to several kinds in one "
            "pass. Defaults to 0.3.",
        ),
    ] = 0.3
    max_delete: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may delete, regardless of their fraction. A pass "
            "that would exceed it deletes none of that kind, nor any object to which they refer. Defaults to "
            "10.",
        ),
    ] = 10
    max_restart_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction of the running objects of a kind that one pass may restart, stop or pause (0 to "
            "1). A pass that would exceed it restarts, stops or pauses none of that kind. One object is always "
            "allowed, unless `maxRestart` is 0. Defaults to 0.5.",
        ),
    ] = 0.5
    max_restart: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may restart, stop or pause, regardless of their "
            "fraction. A pass that would exceed it restarts, stops or pauses none of that kind. Defaults to 10.",
        ),
    ] = 10
    max_replace_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction of the existing objects of a kind that one pass may replace (0 to 1). "
            "A pass that would exceed it replaces none. One object is always allowed, unless `maxReplace` is 0. "
            "Defaults to 0.3.",
        ),
    ] = 0.3
    max_replace: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of objects of a kind that one pass may replace, regardless of their fraction. A "
            "pass that would exceed it replaces none. Defaults to 5.",
        ),
    ] = 5
    max_remake_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Largest fraction of the completely created volumes that one pass may recreate because they are "
            "missing, if their specs allow this without approval (0 to 1). A pass that would exceed it "
            "recreates none. One volume is always allowed, unless `maxRemake` is 0. A volume whose data would "
            "be lost is held regardless of this setting, unless its spec allows data-loss. Defaults to 0.3.",
        ),
    ] = 0.3
    max_remake: Annotated[
        int,
        Field(
            ge=0,
            description="Largest number of missing volumes that one pass may recreate without approval, regardless of their "
            "fraction. A pass that would exceed it recreates none. Defaults to 5.",
        ),
    ] = 5
