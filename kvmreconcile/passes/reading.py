"""
The specs as passes last read them.

Separate from passes, which read them again only when they may say something else.
"""

from dataclasses import dataclass

from kvmreconcile.origin import Origin
from kvmreconcile.passes.stale import Stale
from kvmreconcile.reconcile import Site
from kvmreconcile.source.load import Loaded, Loader


@dataclass(slots=True)
class Reading:
    """What was read, and from where."""

    _loader: Loader | None = None
    _specs: Loaded | None = None
    _origin: Origin | None = None

    def loaded(self, origin: Origin, site: Site, stale: Stale) -> Loaded:
        """Return what the specs say; objects whose specs have changed are added to what is stale."""
        if self._loader is None or self._loader.kinds is not site.kinds:
            self._loader, self._specs = Loader(site.kinds, site.settings.instance), None
        before = self._specs.desired if self._specs else {}
        must_read = stale.specs or stale.everything or origin != self._origin
        if self._specs is None or must_read:
            self._specs, self._origin = self._loader.load(origin.paths, origin.naming), origin
            stale.keys |= {k for k, d in self._specs.desired.items() if before.get(k) is not d}
        return self._specs
