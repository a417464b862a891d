"""A host with one pool, and volumes that are made of files beside their specs."""

from tests.lab.site import Site

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


def volume(site: Site, name: str, fields: str) -> None:
    """Write the spec of a volume."""
    site.write(f"{name}.yaml", _VOLUME.format(name=name, fields=fields))


def holds(site: Site) -> dict[str, str]:
    """Return what is held, each as its reason with what to do about it."""
    return {held["key"]: f"{held['detail']}; {held['release']}" for held in site.plan()["held"]}


def names(site: Site) -> list[str]:
    """Return the volumes that there are, whether libvirt knows it already or not."""
    site.lab.virsh("pool-refresh", "small")
    return sorted(line.split()[0] for line in site.lab.virsh("vol-list", "small").splitlines() if line)


def used(site: Site) -> int:
    """Return how many bytes the small pool's file system has in use."""
    directory = site.lab.path / "images/small"
    return int(site.lab.exec("df", "--output=used", "-B1", str(directory)).split()[-1])


def fill(site: Site, size: int) -> None:
    """Put another file into the pool, which libvirt does not know."""
    site.lab.exec("sh", "-c", f"head -c {size} /dev/zero > {site.lab.path}/images/small/filler")


def remove(site: Site, name: str) -> None:
    """Remove a file of the pool, which libvirt does not notice."""
    site.lab.exec("rm", f"{site.lab.path}/images/small/{name}")
