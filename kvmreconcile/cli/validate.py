"""`kvmreconcile validate`: name all that is wrong with specs. Separate because it needs no hypervisor."""

from dataclasses import dataclass, field

from kvmreconcile.cli.options import Common, Paths
from kvmreconcile.cli.site import read_specs
from kvmreconcile.cli.terminal import show
from kvmreconcile.reconcile import known_kinds


@dataclass(frozen=True, kw_only=True)
class ValidateOptions(Common):
    """What `validate` understands."""

    paths: Paths = field(default_factory=list)


def validate(options: ValidateOptions) -> int:
    """Name everything that is wrong with specs, with its place; needs no hypervisor."""
    loaded = read_specs(options.paths, options.settings(), known_kinds())
    for problem in loaded.problems:
        show(str(problem).replace("\n", " "))
    if loaded.problems:
        return 1
    files = {document.source.file for document in loaded.documents}
    objects, verb = len(loaded.documents), "is" if len(loaded.documents) == 1 else "are"
    show(f"{_count(objects, 'object')} in {_count(len(files), 'file')} {verb} valid")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
