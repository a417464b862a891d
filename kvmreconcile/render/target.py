"""Describe the target of a plan: the host, the instance and the specs."""

from collections.abc import Mapping
from dataclasses import dataclass

from kvmreconcile.model import Root, SpecSource
from kvmreconcile.system.printable import visible

_NAMED = 3
"""Maximum number of paths that a line lists."""
_SHORT = 12
"""Number of digits that are shown of a commit ID."""


@dataclass(frozen=True, slots=True)
class Target:
    """
    The host, the instance and the specs of a plan.

    Attributes:
        host: The host name that libvirt reports.
        uri: The URI of the connection to libvirt.
        source: The source of the specs.
        ref: The configured branch, tag or commit; "" if the specs are not in git.
        commit: The commit of the specs; "" if they are not in git.
    """

    host: str
    uri: str
    instance: str
    source: SpecSource
    ref: str = ""
    commit: str = ""

    def __str__(self) -> str:
        host = f"Host {self.host} ({self.uri}), instance {self.instance}"
        return visible(f"{host}, specs from {self._specs()}")

    def _specs(self) -> str:
        roots = self.source.roots
        if not self.commit:
            more = f" and {len(roots) - _NAMED} more" if len(roots) > _NAMED else ""
            return ", ".join(map(str, roots[:_NAMED])) + more
        place = _repository(roots)
        directory = [f"directory {place.path}"] if place.path else []
        return f"{place.repository} ({', '.join((*directory, self.ref, self.commit[:_SHORT]))})"

    def to_json(self) -> Mapping[str, object]:
        """Return the target as plain data for JSON."""
        roots = self.source.roots
        source: dict[str, object] = {"paths": [root.path for root in roots]}
        if self.commit:
            place = _repository(roots)
            source = {"url": place.repository, "ref": self.ref, "commit": self.commit}
            source["directory"] = place.path
        return {"host": self.host, "uri": self.uri, "instance": self.instance, "source": source}


def _repository(roots: tuple[Root, ...]) -> Root:
    (place,) = roots
    return place
