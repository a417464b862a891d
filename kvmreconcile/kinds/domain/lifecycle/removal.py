"""What becomes of what a domain leaves behind when it is removed."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Leftover


class Removal(Spec):
    """What becomes of what a guest leaves behind when its definition is removed or made anew; disks always stay."""

    nvram: Annotated[
        Literal["keep", "delete"],
        Field(description='Its firmware\'s variables. Defaults to "keep".'),
    ] = "keep"
    tpm: Annotated[
        Literal["keep", "delete"],
        Field(description='What its emulated TPM holds, disks\' keys among it. Defaults to "keep".'),
    ] = "keep"
    snapshots: Annotated[
        Literal["refuse", "forget"],
        Field(
            description='"refuse" leaves a guest that has any as it is, and says so; "forget" has libvirt forget them: '
            'their files stay, and nobody reverts to them any more. Defaults to "refuse".'
        ),
    ] = "refuse"
    checkpoints: Annotated[
        Literal["refuse", "forget"],
        Field(
            description='The same for those of backups, of which the next is a full one. Defaults to "refuse".'
        ),
    ] = "refuse"
    managed_save: Annotated[
        Literal["refuse", "delete"],
        Field(
            description='"refuse" leaves a guest whose memory sleeps in a file as it is, and says so; "delete" removes the '
            'file, as if the power was cut. Defaults to "refuse".'
        ),
    ] = "refuse"

    def goes(self) -> frozenset[Leftover]:
        """Return what goes with the guest."""
        said = {
            Leftover.NVRAM: self.nvram,
            Leftover.TPM: self.tpm,
            Leftover.SNAPSHOTS: self.snapshots,
            Leftover.CHECKPOINTS: self.checkpoints,
            Leftover.MANAGED_SAVE: self.managed_save,
        }
        return frozenset(rest for rest, word in said.items() if word in ("delete", "forget"))


class RemovalFields(Spec):
    """The field of removal."""

    removal: Annotated[
        Removal,
        Field(
            description="What becomes of what it leaves behind when it is removed or made anew. The last spec counts."
        ),
    ] = Removal()


SECTION = Section(RemovalFields)
