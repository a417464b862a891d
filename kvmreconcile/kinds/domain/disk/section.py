"""Define the section of disks."""

from collections.abc import Iterator

from kvmreconcile.kinds.domain.disk.actions import ACTIONS
from kvmreconcile.kinds.domain.disk.computed_values import complete
from kvmreconcile.kinds.domain.disk.description import describe, images
from kvmreconcile.kinds.domain.disk.identity import HIDDEN_ALIAS, IDENTITIES, MEMBERS
from kvmreconcile.kinds.domain.disk.spec import DiskFields
from kvmreconcile.kinds.domain.member_keys import ORDERED, complete_list, shared_list
from kvmreconcile.kinds.domain.section import HostFile, NameSource, Section
from kvmreconcile.kinds.domain.spellings import LOWER, PATH
from kvmreconcile.model import DefinitionProblem
from kvmreconcile.tree import (
    CreationDefaults,
    Measure,
    Node,
    Ref,
    Reset,
    Rules,
    Scalar,
    Table,
    combined,
    parse,
    paths,
)

_DISK = '<disk type="file" device="disk"><driver name="qemu" discard="unmap"/>{}</disk>'

_CDROM = '<disk type="file" device="cdrom">{}<readonly/></disk>'

_FLOPPY = '<disk type="file" device="floppy">{}</disk>'

_DISKS = (
    CreationDefaults(
        parse(_CDROM.format('<target bus="sata"/>')), (("@device", "cdrom"), ("target/@dev", None))
    ),
    CreationDefaults(parse(_CDROM.format("")), (("@device", "cdrom"),)),
    CreationDefaults(
        parse(_FLOPPY.format('<target bus="fdc"/>')), (("@device", "floppy"), ("target/@dev", None))
    ),
    CreationDefaults(parse(_FLOPPY.format("")), (("@device", "floppy"),)),
    CreationDefaults(parse('<disk type="block" device="lun"/>'), (("@device", "lun"),)),
    CreationDefaults(parse(_DISK.format('<target bus="virtio"/>')), (("target/@dev", None),)),
    CreationDefaults(parse(_DISK.format(""))),
)

_DISK_RULES = Rules(
    members=Table(
        {
            "": MEMBERS,
            "source/host": ORDERED,
            "source/cookies/cookie": complete_list(("@name",)),
            "source/slices/slice": complete_list(("@type",)),
            "driver/metadata_cache": shared_list(),
        }
    ),
    scalars=Table(
        {
            # libvirt appends the default LUN to the name of an iSCSI target.
            "source/@name": Scalar(lambda name: name.removesuffix("/0") if name.startswith("iqn.") else name),
            "wwn": LOWER,
            "source/@file": PATH,
            "source/@dev": PATH,
            "source/@dir": PATH,
        }
    ),
    measures=Table({"source/slices/slice": Measure(value="@size", unit="@unit", default="B", step=1)}),
    implied=Table({"target/@tray": "closed", "@snapshot": "no"}),
    resets=Table(
        {
            "": (
                Reset("target/@bus", ("address",)),
                Reset("@type", ("source",)),
                Reset("source/@startupPolicy", ()),
            )
        }
    ),
    ignored=paths("mirror", "backingStore/@index", "source/@index"),
    containers=paths("iotune"),
    # The medium of a drive.
    parts=paths("source"),
    invisible=HIDDEN_ALIAS,
    refs=Table({"source": (Ref("Volume", ("@pool", "@volume")), Ref("StoragePool", ("@pool",)))}),
    identities=Table({"": IDENTITIES}),
    creation_defaults=Table({"": _DISKS}),
    actions=ACTIONS,
)


def _ide_on_q35(domain: Node) -> Iterator[DefinitionProblem]:
    """
    Yield a problem for each IDE disk of a q35 machine.

    Source: `qemuValidateDomainDeviceDefControllerIDE` in libvirt's src/qemu/qemu_validate.c.
    """
    if "q35" not in (domain.get("os/type/@machine") or ""):
        return
    for number, disk in enumerate(domain.all("devices/disk"), 1):
        bus, name = disk.get("target/@bus"), disk.get("target/@dev") or ""
        if bus == "ide" or (bus is None and name.startswith("hd")):
            what = "the machine type q35 has no IDE bus"
            todo = 'set "bus: sata" (or "bus: virtio", unless it is a CD-ROM)'
            yield DefinitionProblem(f"devices/disk[{number}]/target/@bus", what, todo)


SECTION = Section(
    DiskFields,
    combined(
        _DISK_RULES.below("devices/disk"),
        Rules(measures=Table({"**/metadata_cache/max_size": Measure(default="B", step=1)})),
    ),
    files=(
        HostFile("devices/disk", "source/@file", "image"),
        HostFile("devices/disk", "backingStore/source/@file", "backing image"),
    ),
    takes_port={"disk": lambda disk: disk.get("target/@bus") == "virtio"},
    kept=(
        "devices/disk",
        "devices/disk/@type",
        "devices/disk/source",
        "devices/disk/source/@*",
        "devices/disk/target",
        "devices/disk/target/@dev",
    ),
    kept_with={"devices/disk/@type": "source"},
    names={
        "disk": NameSource(
            ("source/@volume", "source/@file", "source/@dev", "source/@name"),
            "disk",
            frozenset({"cdrom", "floppy"}),
        )
    },
    stays=images,
    definition_checks=(_ide_on_q35,),
    complete=complete,
    describe={"devices/disk": describe},
)
