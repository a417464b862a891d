"""
The specs as passes have read them last.

Separate from passes, which read them only where there is doubt that they say the same.
"""

from dataclasses import dataclass

from kvmreconcile.origin import Origin
from kvmreconcile.passes.doubts import Doubts
from kvmreconcile.reconcile import Site
from kvmreconcile.source.load import Loaded, Loader


@dataclass(slots=True)
class Reading:
    """What was read from where."""

    _loader: Loader | None = None
    _specs: Loaded | None = None
    _origin: Origin | None = None

    def loaded(self, origin: Origin, site: Site, doubts: Doubts) -> Loaded:
        """Return what the specs say; what says something else than before is doubted."""
        if self._loader is None or self._loader.kinds is not site.kinds:
            self._loader, self._specs = Loader(site.kinds, site.settings.instance), None
        before = self._specs.desired if self._specs else {}
        is_doubtful = doubts.specs or doubts.everything or origin != self._origin
        if self._specs is None or is_doubtful:
            self._specs, self._origin = self._loader.load(origin.paths, origin.naming), origin
            doubts.keys |= {k for k, d in self._specs.desired.items() if before.get(k) is not d}
        return self._specs
