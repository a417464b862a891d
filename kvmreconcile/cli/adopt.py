"""
`kvmreconcile adopt`: write specs for existing objects and start managing them.

An object is adopted only if a plan shows that the generated spec would not change the object.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from kvmreconcile.cli.adoptable import find_adoptable, find_unmanaged
from kvmreconcile.cli.options import Common
from kvmreconcile.cli.progress import reporting
from kvmreconcile.cli.recording import Invocation, execute_and_record
from kvmreconcile.cli.session import (
    NO_SPECS,
    check_known,
    open_session,
    parse_keys,
    rules_by_kind,
    view_session,
)
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.spec_output import find_secret, write_specs
from kvmreconcile.cli.terminal import report_problems, say
from kvmreconcile.cli.yaml_writer import write_document
from kvmreconcile.errors import Problem, SpecError, StateError
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Key, Plan, Result, World
from kvmreconcile.model.verbs import OWN
from kvmreconcile.plan import Overrides
from kvmreconcile.render import render_text
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.session.session import Session
from kvmreconcile.source.envelope import API_VERSION
from kvmreconcile.source.load import load

_NUMBER = re.compile(r"/([0-9]+)\.yaml\b")
_OTHER_PLACE = re.compile(r" \([^()]* is at [^()]*\)")


@dataclass(frozen=True, kw_only=True)
class AdoptOptions(Common):
    """Options of `adopt`."""

    keys: Annotated[
        list[str],
        typer.Argument(metavar="KIND/NAME", help="Objects, such as Domain/web1 or Volume/pool/name."),
    ] = field(default_factory=list)
    everything: Annotated[bool, typer.Option("--all", help="Adopt all objects that no instance manages.")] = (
        False
    )
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="A new file for all specs, or an existing directory for one file per object. Defaults to standard output.",
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write the specs without adopting the objects.")
    ] = False


def adopt(options: AdoptOptions) -> int:
    """
    Write specs for existing objects and start managing them.

    The objects are not changed.
    """
    settings, kinds = options.settings(), known_kinds()
    keys = parse_keys(options.keys, kinds)
    if bool(keys) == options.everything:
        what = "objects and --all were given together" if keys else "no objects given"
        raise SpecError([Problem("adopt", what, "name them as KIND/NAME, or use --all")])
    with (view_session if options.dry_run else open_session)(settings, kinds) as session:
        observed = session.observe(NO_SPECS, datetime.now(UTC))
        if observed.lost and not options.dry_run:
            raise StateError(f"nothing is adopted: {observed.lost}")
        observed = session.confirmed(replace(observed, lost=""), keys)
        check_known(keys, observed)
        chosen_keys = keys or find_unmanaged(observed, kinds)
        found = find_adoptable(chosen_keys, observed)
        written = {key: _spec_text(actual, kinds[key.kind]) for key, actual in found.items()}
        world, plan = _plan_specs(written, observed, session)
        proved = [key for key in written if not _is_different(key, plan, world)]
        with interruption.working(lambda: "  writes to the spec files"):
            write_specs(options.output, {key: written[key] for key in proved}, find_secret(found, kinds))
        _report_differences(plan, [key for key in written if key not in proved], session)
        world = replace(world, applied=observed.applied)
        is_done = options.dry_run or _take_over(proved, len(chosen_keys), plan, world, session)
    if interruption.status:
        return interruption.status
    is_whole = not (options.everything and observed.observed.unobservable)
    return 0 if is_done and is_whole and len(proved) == len(chosen_keys) else 1


def _spec_text(actual: Actual, kind: Kind) -> str:
    name = actual.key.name.rpartition("/")[2]
    head = {"apiVersion": API_VERSION, "kind": kind.name, "metadata": {"name": name}}
    return write_document({**head, "spec": kind.adopt(actual)})


def _plan_specs(written: Mapping[Key, str], world: World, session: Session) -> tuple[World, Plan]:
    """
    Read the generated specs, and plan the adoption of their objects.

    Args:
        written: The text of the generated spec of each object.

    Returns:
        The world with the generated specs, and the plan.
    """
    with TemporaryDirectory(prefix="kvmreconcile-adopt-") as directory:
        for number, text in enumerate(written.values()):
            Path(directory, f"{number}.yaml").write_text(text)
        loaded = load([Path(directory)], session.kinds, world.instance)
    report_problems(_cannot_be_adopted(problem, [*written]) for problem in loaded.problems)
    desired = {k: replace(d, policy=replace(d.policy, adopt=True)) for k, d in loaded.desired.items()}
    # The generated spec has every field of the object, so an earlier spec does not matter.
    applied = {k: a for k, a in world.applied.items() if k not in written}
    world = replace(world, desired=desired, applied=applied, frozen=loaded.frozen, complete=False)
    return world, session.plan(world, Overrides(only=frozenset(written)))


def _cannot_be_adopted(problem: Problem, keys: Sequence[Key]) -> Problem:
    """
    Turn a problem of a generated spec into the reason why its object cannot be adopted.

    Args:
        problem: The problem; the path of the temporary spec file is removed from its text.
        keys: The objects, in the order of their numbered spec files.
    """
    number = _NUMBER.search(problem.where)
    if number is None:
        return problem
    key = keys[int(number[1])]
    what = _OTHER_PLACE.sub("", problem.what.removeprefix(f"{key}: "))
    return Problem(str(key), f"it cannot be adopted: {what}", "change the object first")


def _is_different(key: Key, plan: Plan, world: World) -> bool:
    """Return whether a generated spec would change its object, or the object is missing from the plan."""
    verbs = {a.verb for a in plan.actions if a.key == key}
    is_known = bool(verbs) or key in plan.in_sync or key in plan.records
    is_changed = bool(verbs - {OWN}) or any(h.action.key == key for h in plan.held)
    return is_changed or not is_known or key not in world.desired


def _report_differences(plan: Plan, differing: list[Key], session: Session) -> None:
    """
    Print what the generated specs would change.

    Args:
        differing: The objects that are not adopted because of such changes.
    """
    report_problems(map(_without_file, plan.problems))
    actions = tuple(a for a in plan.actions if a.key in differing)
    held = tuple(h for h in plan.held if h.action.key in differing)
    every = (*actions, *(h.action for h in held))
    changed = {action.key for action in every if action.verb != OWN}
    reasons = {
        "the generated spec would change the object": changed,
        "the adoption is held": {action.key for action in every} - changed,
    }
    for why, keys in reasons.items():
        if keys:
            say(f"not adopted, because {why}: {', '.join(map(str, sorted(keys)))}")
    if not every:
        return
    say(render_text(Plan(actions, held, digest=plan.digest), rules_by_kind(session.kinds)))


def _without_file(problem: Problem) -> Problem:
    """Return a problem without the path of a temporary spec file; a problem without a path is unchanged."""
    if not problem.where.startswith("/"):
        return problem
    todo = "edit one of these objects, or create the missing object"
    return Problem("adopt", _OTHER_PLACE.sub("", problem.what), todo)


def _take_over(proved: list[Key], chosen: int, plan: Plan, world: World, session: Session) -> bool:
    """
    Record that this instance manages the objects, and print the number of successes and failures.

    Ownership is recorded in the state and, for kinds with metadata in libvirt, in the metadata.

    Args:
        proved: The objects to adopt.
        chosen: The number of objects that the user chose.

    Returns:
        Whether all objects in `proved` were adopted.
    """
    left = f", {chosen - len(proved)} not adopted" if chosen > len(proved) else ""
    if not proved:
        say(f"0 adopted, 0 failed{left}")
        return True
    own = tuple(a for a in plan.actions if a.key in proved)
    mine = Plan(own, records=tuple(k for k in plan.records if k in proved), digest=plan.digest)
    with reporting() as reporter:
        report = execute_and_record(session, mine, world, reporter, Invocation("adopt", SpecOrigin(())))
    failed = {outcome.action.key for outcome in report.failed}
    skipped = {o.action.key for o in report.outcomes if o.result is Result.SKIPPED} - failed
    undone = f", {len(skipped)} skipped" if skipped else ""
    adopted = len(proved) - len(failed) - len(skipped)
    say(f"{adopted} adopted, {len(failed)} failed{undone}{left}")
    return not failed and not skipped
