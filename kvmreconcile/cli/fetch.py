"""`kvmreconcile fetch`: fetch the configured repository and use its newest commit."""

from dataclasses import dataclass

from kvmreconcile.cli.options import Common
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import progress, show
from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.session.origin import find_repository


@dataclass(frozen=True, kw_only=True)
class FetchOptions(Common):
    """Options of `fetch`."""


def fetch(options: FetchOptions) -> int:
    """
    Fetch the configured repository and use its newest commit.

    A running daemon applies the commit in its next pass.
    """
    settings = options.settings()
    repository = find_repository(settings)
    if repository is None:
        raise SpecError([Problem("git", "no git repository is configured", "set git.url")])
    interruption.remark = "run fetch again to complete the download"
    with progress() as report:
        is_new = repository.update(report)
        interruption.remark = ""
    if found := repository.in_force():
        revision = found[0]
        signed = f", signed by {revision.signer}" if revision.signer else ""
        state = "now in use" if is_new else "already in use"
        show(f"{revision.commit[:12]} {revision.subject} ({revision.author}{signed}) is {state}")
    return 0
