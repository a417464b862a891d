"""Volumes: disk images and ISO images in storage pools."""

from typing import Any

from kvmreconcile.kinds.kind import Driver, Kind
from kvmreconcile.kinds.volume.backing_problems import find_backing_problems
from kvmreconcile.kinds.volume.content import find_content_obstacle
from kvmreconcile.kinds.volume.render import NAME, ROOT, adopt, complete, cost, desire, key
from kvmreconcile.kinds.volume.rules import RULES
from kvmreconcile.kinds.volume.spec import VolumeSpec
from kvmreconcile.kinds.volume.usage import referenced_names, volume_names
from kvmreconcile.model import Actual, Data, Obstacle, Prune


def _driver() -> Driver:
    from kvmreconcile.kinds.volume.driver import VolumeDriver  # noqa: PLC0415  only the driver loads libvirt

    return VolumeDriver()


def _damage(connection: Any, actual: Actual) -> Obstacle | None:
    from kvmreconcile.kinds.volume.damage import find_damage  # noqa: PLC0415  only the driver loads libvirt

    return find_damage(connection, actual)


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
    find_problems=find_backing_problems,
    adopt=adopt,
    cost=cost,
    unusable=find_content_obstacle,
    damage=_damage,
    data=Data(names=volume_names, named=referenced_names),
    prune=Prune.NEVER,
    has_lifecycle=False,
    redefines_whole=False,
)
