"""A host with one pool, and volumes with content from files beside their specs."""

from tests.lab.session import Session

MIB = 1 << 20
POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {{name: small}}
spec: {{path: {path}}}
"""
_VOLUME = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{name: {name}}}
spec: {{pool: small, {fields}}}
"""


def volume(session: Session, name: str, fields: str) -> None:
    """Write the spec of a volume."""
    session.write(f"{name}.yaml", _VOLUME.format(name=name, fields=fields))


def holds(session: Session) -> dict[str, str]:
    """Return the held actions, each as its reason and its remedy."""
    return {held["key"]: f"{held['detail']}; {held['release']}" for held in session.plan()["held"]}


def names(session: Session) -> list[str]:
    """Return the names of the volumes on disk, whether libvirt lists them or not."""
    session.lab.virsh("pool-refresh", "small")
    return sorted(line.split()[0] for line in session.lab.virsh("vol-list", "small").splitlines() if line)


def used(session: Session) -> int:
    """Return how many bytes the small pool's file system has in use."""
    directory = session.lab.path / "images/small"
    return int(session.lab.exec("df", "--output=used", "-B1", str(directory)).split()[-1])


def fill(session: Session, size: int) -> None:
    """Put another file into the pool, which libvirt does not know."""
    session.lab.exec("sh", "-c", f"head -c {size} /dev/zero > {session.lab.path}/images/small/filler")


def remove(session: Session, name: str) -> None:
    """Remove a file of the pool, which libvirt does not notice."""
    session.lab.exec("rm", f"{session.lab.path}/images/small/{name}")
