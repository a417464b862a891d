"""The field `removal` of a domain: what happens to its data when it is removed."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Leftover


class Removal(Spec):
    """What happens to the data of a guest when its definition is removed or recreated. Disks are always kept."""

    nvram: Annotated[
        Literal["keep", "delete"],
        Field(description='UEFI variables. Defaults to "keep".'),
    ] = "keep"
    tpm: Annotated[
        Literal["keep", "delete"],
        Field(description='State of an emulated TPM, which may include keys of disks. Defaults to "keep".'),
    ] = "keep"
    snapshots: Annotated[
        Literal["refuse", "forget"],
        Field(
            description=(
                'Snapshots: "refuse" does not remove a guest that has any, and reports that; "forget" removes '
                'them from libvirt: their files stay, but nothing can revert to them. Defaults to "refuse".'
            )
        ),
    ] = "refuse"
    checkpoints: Annotated[
        Literal["refuse", "forget"],
        Field(
            description=(
                'Checkpoints of backups: "refuse" and "forget" as for snapshots; the next backup is a full one. '
                'Defaults to "refuse".'
            )
        ),
    ] = "refuse"
    managed_save: Annotated[
        Literal["refuse", "delete"],
        Field(
            description=(
                'Saved memory of a guest (managed save): "refuse" does not remove a guest that has it, and '
                'reports that; "delete" deletes the file, like a power cut. Defaults to "refuse".'
            )
        ),
    ] = "refuse"

    def goes(self) -> frozenset[Leftover]:
        """Return the data that is removed with the guest."""
        said = {
            Leftover.NVRAM: self.nvram,
            Leftover.TPM: self.tpm,
            Leftover.SNAPSHOTS: self.snapshots,
            Leftover.CHECKPOINTS: self.checkpoints,
            Leftover.MANAGED_SAVE: self.managed_save,
        }
        return frozenset(rest for rest, word in said.items() if word in ("delete", "forget"))


class RemovalFields(Spec):
    """Field of Domain for removal."""

    removal: Annotated[
        Removal,
        Field(
            description="What happens to the guest's data when it is removed or recreated. The last spec applies."
        ),
    ] = Removal()


SECTION = Section(RemovalFields)
