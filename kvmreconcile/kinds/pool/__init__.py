"""Storage pools."""

from kvmreconcile.kinds.kind import Driver, Kind
from kvmreconcile.kinds.pool.place import place
from kvmreconcile.kinds.pool.render import NAME, ROOT, adopt, complete, cost, desire, key
from kvmreconcile.kinds.pool.rules import RULES
from kvmreconcile.kinds.pool.spec import StoragePoolSpec
from kvmreconcile.model import Manual, Prune
from kvmreconcile.tree import paths


def _driver() -> Driver:
    from kvmreconcile.kinds.pool.driver import PoolDriver  # noqa: PLC0415  only the driver loads libvirt

    return PoolDriver()


KIND = Kind(
    name=NAME,
    root=ROOT,
    spec=StoragePoolSpec,
    rules=RULES,
    incomplete_after=paths("target/path"),
    key=key,
    desire=desire,
    complete=complete,
    driver=_driver,
    adopt=adopt,
    cost=cost,
    place=place,
    prune=Prune.NEVER,
    commands={Manual.REMOVE: "{virsh} pool-destroy {name}; {virsh} pool-undefine {name}"},
    completing="build",
)
