"""Build the commands to suggest after a plan: approve or show the plan, or validate the specs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvmreconcile.control.client import Client
from kvmreconcile.errors import NoDaemon, OrderError
from kvmreconcile.model import Key, Plan
from kvmreconcile.render import needs_approval
from kvmreconcile.settings.settings import Settings

_OF_PLAN = ("--prune",)
"""Options that both `apply` and `plan` have."""
_TIMEOUT_S = 2.0
"""How long to wait for a daemon's answer."""


@dataclass(frozen=True, slots=True)
class Hints:
    """
    The commands to suggest after the plans of one run of `plan`, `apply` or `diff`.

    Attributes:
        paths: The paths on the command line, unchanged.
        only: The objects given with --only.
        choices: Other options of `apply` that were given, with their values.
    """

    settings: Settings
    paths: Iterable[Path]
    only: Iterable[Key] = ()
    choices: Mapping[str, str] = field(default_factory=dict)

    def plan(self) -> str:
        """Return the command that shows the plan again."""
        return self._again("plan", *self._chosen(_OF_PLAN))

    def validate(self) -> str:
        """Return the command that lists all problems in the specs."""
        return self.settings.commands.kvmreconcile("validate", paths=self.paths)

    def approve(self, plan: Plan) -> str:
        """
        Return the command that executes exactly this plan, including its held actions.

        Returns "" if the plan has no held action that can be approved.

        The command is `approve` if the daemon has made the same plan, and `apply` otherwise.
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
        """Return the digest of the daemon's plan, or "" if no daemon answers."""
        try:
            return str(Client(self.settings, _TIMEOUT_S).get("/v1/status")["plan"])
        except (NoDaemon, OrderError):
            return ""
