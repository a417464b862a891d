"""The field `removal` of a domain: what happens to its data when it is removed."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Leftover


class Removal(Spec):
    """
    What happens to the data of a guest when its definition is removed or recreated.

    Disks are always kept.
    """

    nvram: Annotated[
        Literal["keep", "delete"],
        Field(description='UEFI variables. Defaults to "keep".'),
    ] = "keep"
    tpm: Annotated[
        Literal["keep", "delete"],
        Field(
            description='State of an emulated TPM, which may include disk encryption keys. Defaults to "keep".'
        ),
    ] = "keep"
    snapshots: Annotated[
        Literal["refuse", "forget"],
        Field(
            description=(
                'Snapshots. "refuse": a guest with snapshots is not removed, and this is reported. '
                '"forget": libvirt deletes the metadata of the snapshots; their files are kept, but '
                'the guest can no longer be reverted to them. Defaults to "refuse".'
            )
        ),
    ] = "refuse"
    checkpoints: Annotated[
        Literal["refuse", "forget"],
        Field(
            description=(
                'Checkpoints of incremental backups. "refuse": a guest with checkpoints is not '
                'removed, and this is reported. "forget": libvirt deletes the metadata of the '
                'checkpoints; the next backup must be a full backup. Defaults to "refuse".'
            )
        ),
    ] = "refuse"
    managed_save: Annotated[
        Literal["refuse", "delete"],
        Field(
            description=(
                'Saved memory of the guest (managed save). "refuse": a guest with saved memory is '
                'not removed, and this is reported. "delete": the file is deleted, which has the '
                'effect of a power cut. Defaults to "refuse".'
            )
        ),
    ] = "refuse"

    def goes(self) -> frozenset[Leftover]:
        """Return the data that is deleted with the guest."""
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
            description=(
                "What happens to the guest's data when the guest is removed or recreated. If the spec "
                "was deleted, its last version applies."
            )
        ),
    ] = Removal()


SECTION = Section(RemovalFields)
