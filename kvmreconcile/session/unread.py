"""Find the managed objects without a spec that may still have one in a file that was not read."""

from collections.abc import Collection, Mapping

from kvmreconcile.model import Key, Obstacle, Provenance
from kvmreconcile.source.loaded import Loaded


def find_unread(
    specs: Loaded, files: Mapping[Key, str], applied: Collection[Key], provenance: Provenance
) -> dict[Key, Obstacle]:
    """
    Return managed objects without a spec whose last spec file was not read, and the reason.

    Args:
        files: The file of the last spec of each object.
        applied: The managed objects.
    """
    without = {key for key in applied if key in files} - specs.desired.keys() - specs.frozen
    found = (
        (key, specs.coverage.find_obstacle(files[key], is_covered=not provenance.is_elsewhere(key)))
        for key in sorted(without)
    )
    return {key: obstacle for key, obstacle in found if obstacle}
