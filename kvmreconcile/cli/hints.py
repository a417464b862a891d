"""Name the commands that go on from a plan: the one that approves it, and the one that shows it again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.control.client import Client
from kvmreconcile.errors import NoDaemon, OrderError
from kvmreconcile.model import Key, Plan
from kvmreconcile.render import needs_approval
from kvmreconcile.settings.settings import Settings

_OF_PLAN = ("--prune",)
"""Options that `plan` has as well."""
_PATIENCE_S = 2.0
"""How long to wait for a daemon's answer."""


@dataclass(frozen=True, slots=True)
class Hints:
    """
    The commands that go on from the plans of one call.

    Attributes:
        paths: The paths that were named, as they were written.
        only: The objects that were named.
        choices: Options of `apply` beside those that name what is planned for, with their values.
    """

    settings: Settings
    paths: Iterable[Path]
    only: Iterable[Key] = ()
    choices: Mapping[str, str] = field(default_factory=dict)

    def plan(self) -> str:
        """Return the command that shows the plan again."""
        return self._again("plan", *self._chosen(_OF_PLAN))

    def validate(self) -> str:
        """Return the command that names all that is wrong with the specs."""
        return self.settings.commands.kvmreconcile("validate", paths=self.paths)

    def approve(self, plan: Plan) -> str:
        """
        Return the command that carries out exactly this plan, with what is held in it; "" if nothing held can be approved.

        It approves the daemon's plan where that is the same, and else applies the plan itself.
        """
        if not needs_approval(plan):
            return ""
        if self._planned_by_daemon() == plan.digest:
            return self.settings.commands.kvmreconcile("approve", plan.digest)
        return self._again("apply", "--approve", plan.digest, *self._chosen(self.choices))

    def _chosen(self, options: Iterable[str]) -> Iterator[str]:
        return (word for name in options if name in self.choices for word in (name, self.choices[name]))

    def _again(self, *words: str) -> str:
        only = (word for key in sorted(self.only) for word in ("--only", str(key)))
        return self.settings.commands.kvmreconcile(*words, *only, paths=self.paths)

    def _planned_by_daemon(self) -> str:
        """Return the digest of the daemon's plan, "" where no daemon tells it."""
        try:
            return str(Client(self.settings, _PATIENCE_S).get("/v1/status")["plan"])
        except (NoDaemon, OrderError):
            return ""
