"""Volumes: the disk images and ISOs in storage pools."""

from typing import Any

from kvmreconcile.kinds.kind import Driver, Kind
from kvmreconcile.kinds.volume.content import unusable
from kvmreconcile.kinds.volume.mistakes import mistakes
from kvmreconcile.kinds.volume.render import NAME, ROOT, adopt, complete, cost, desire, key
from kvmreconcile.kinds.volume.rules import RULES
from kvmreconcile.kinds.volume.spec import VolumeSpec
from kvmreconcile.kinds.volume.usage import named, names
from kvmreconcile.model import Actual, Data, Obstacle, Prune


def _driver() -> Driver:
    from kvmreconcile.kinds.volume.driver import VolumeDriver  # noqa: PLC0415  nothing else may load libvirt

    return VolumeDriver()


def _damage(connection: Any, actual: Actual) -> Obstacle | None:
    from kvmreconcile.kinds.volume.damage import damage  # noqa: PLC0415  nothing else may load libvirt

    return damage(connection, actual)


KIND = Kind(
    name=NAME,
    root=ROOT,
    inside="StoragePool",
    spec=VolumeSpec,
    rules=RULES,
    key=key,
    desire=desire,
    complete=complete,
    driver=_driver,
    mistakes=mistakes,
    adopt=adopt,
    cost=cost,
    unusable=unusable,
    damage=_damage,
    data=Data(names=names, named=named),
    prune=Prune.NEVER,
    has_lifecycle=False,
    redefines_whole=False,
)
