"""`kvmreconcile validate`: check specs without a hypervisor."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kvmreconcile.cli.options import Common, Paths
from kvmreconcile.cli.session import read_origin
from kvmreconcile.cli.terminal import counted, show, warn
from kvmreconcile.errors import Problem
from kvmreconcile.model import Desired, Observation, World
from kvmreconcile.plan import ComparisonCache
from kvmreconcile.plan.order.conflicting_specs import find_spec_conflicts
from kvmreconcile.session.kinds import Kinds, known_kinds
from kvmreconcile.session.origin import find_origin


@dataclass(frozen=True, kw_only=True)
class ValidateOptions(Common):
    """Options of `validate`."""

    paths: Paths = field(default_factory=list)


def validate(options: ValidateOptions) -> int:
    """
    Check specs without connecting to libvirt.

    All errors are reported with file and line.
    """
    kinds = known_kinds()
    settings = options.settings()
    loaded = read_origin(find_origin(options.paths, settings), settings, kinds, None)
    # The host is not observed, so both of two specs that use the same exclusive resource are reported.
    alone = World(settings.instance, settings.host, datetime.now(UTC), loaded.desired, Observation(), {})
    conflicts = find_spec_conflicts(alone, kinds, ComparisonCache())
    problems = (*loaded.problems, *conflicts.problems, *_unusable(loaded.desired.values(), kinds))
    for problem in problems:
        show(str(problem).replace("\n", " "))
    warn((*loaded.coverage.notes, *conflicts.notes))
    if problems:
        return 1
    files = {document.source.file for document in loaded.documents}
    objects, verb = len(loaded.documents), "is" if len(loaded.documents) == 1 else "are"
    show(f"{counted(objects, 'object')} in {counted(len(files), 'file')} {verb} valid")
    return 0


def _unusable(desired: Iterable[Desired], kinds: Kinds) -> Iterator[Problem]:
    """
    Yield problems of the files whose content is copied to new volumes.

    A file that cannot be read on this machine is skipped, because it may exist on the host.
    """
    for each in desired:
        content = each.creation.content
        if content and os.access(content.path, os.R_OK):
            obstacle = kinds[each.key.kind].unusable(each.tree, content)
            if obstacle:
                yield Problem(str(content.source), f"{each.key}: {obstacle.why}", obstacle.todo)
