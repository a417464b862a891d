"""What happens to a domain's data when the domain is removed."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Leftover


class Removal(Spec):
    """What happens to a guest's data when it is removed or replaced. Disks are always kept."""

    nvram: Annotated[
        Literal["keep", "delete"],
        Field(description='UEFI variables of the guest\'s firmware. Defaults to "keep".'),
    ] = "keep"
    tpm: Annotated[
        Literal["keep", "delete"],
        Field(
            description='State of an emulated TPM, which can contain the keys of encrypted disks. Defaults to "keep".'
        ),
    ] = "keep"
    snapshots: Annotated[
        Literal["refuse", "forget"],
        Field(
            description='Snapshots: "refuse" does not remove a guest that has any, and reports it; "forget" removes libvirt\'s metadata, which keeps their files but makes it impossible to revert to them. Defaults to "refuse".'
        ),
    ] = "refuse"
    checkpoints: Annotated[
        Literal["refuse", "forget"],
        Field(
            description='Checkpoints of backups, as for `snapshots`; without them the next backup is a full one. Defaults to "refuse".'
        ),
    ] = "refuse"
    managed_save: Annotated[
        Literal["refuse", "delete"],
        Field(
            description='Saved memory of a guest (managed save): "refuse" does not remove the guest, and reports it; "delete" deletes the file, which is like cutting the guest\'s power. Defaults to "refuse".'
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
    """The field of removal."""

    removal: Annotated[
        Removal,
        Field(
            description="What happens to the data of the guest when it is removed or replaced. After the spec is deleted, its last version counts."
        ),
    ] = Removal()


SECTION = Section(RemovalFields)
