"""
`kvmreconcile adopt`: write specs for existing objects and start managing them.

Each spec is planned first: an object whose spec would change it is not adopted.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

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
from kvmreconcile.cli.terminal import report_problems, say, show
from kvmreconcile.cli.yaml_writer import write_document
from kvmreconcile.errors import Problem, SpecError, StateError
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Key, Plan, Result, Unknown, World, domain_word
from kvmreconcile.model.verbs import OWN
from kvmreconcile.plan import Overrides
from kvmreconcile.render import render_text
from kvmreconcile.render.values import holds_secret
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.session.session import Session
from kvmreconcile.source.envelope import API_VERSION
from kvmreconcile.source.load import load
from kvmreconcile.system.bounded import read_bounded

_NUMBER = re.compile(r"/([0-9]+)\.yaml\b")
_OTHER_PLACE = re.compile(r" \([^()]* is at [^()]*\)")


@dataclass(frozen=True, kw_only=True)
class AdoptOptions(Common):
    """What `adopt` understands."""

    keys: Annotated[
        list[str],
        typer.Argument(metavar="KIND/NAME", help="The objects, as Domain/web1 or Volume/pool/name."),
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
            help="Where to write the specs: a new file, or an existing directory for one file per object. Defaults to standard output.",
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
        chosen_keys = keys or _find_unmanaged(observed)
        found = _find_adoptable(chosen_keys, observed)
        written = {key: _spec_text(actual, kinds[key.kind]) for key, actual in found.items()}
        world, plan = _plan_specs(written, observed, session)
        proved = [key for key in written if not _is_different(key, plan, world)]
        with interruption.working(lambda: "  the specs to be written"):
            _write_specs(options.output, {key: written[key] for key in proved}, _find_secret(found, kinds))
        _report_differences(plan, [key for key in written if key not in proved], session)
        world = replace(world, applied=observed.applied)
        is_done = options.dry_run or _take_over(proved, len(chosen_keys), plan, world, session)
    if interruption.status:
        return interruption.status
    is_whole = not (options.everything and observed.observed.unobservable)
    return 0 if is_done and is_whole and len(proved) == len(chosen_keys) else 1


def _find_unmanaged(world: World) -> frozenset[Key]:
    """
    Return the objects that no instance manages, and report what could not be observed.

    Objects of this instance have a spec already. A second one would ask for more fields, and removing it again
    would remove these fields from the object.
    """
    report_problems(
        Problem(f"{unobservable.prefix}*", f"cannot be observed: {unobservable.why}")
        for unobservable in world.observed.unobservable
    )
    objects = world.observed.objects
    free = {k for k, o in objects.items() if not (isinstance(o, Actual) and _other_owner(o, world))}
    if ours := {k for k in free if _is_remembered(objects[k], world)}:
        them = "object is" if len(ours) == 1 else "objects are"
        say(
            f"{len(ours)} {them} already managed, and left out; name an object to have its spec written again"
        )
    if free <= ours:
        say("no unmanaged objects to adopt were found")
    return frozenset(free - ours)


def _is_remembered(actual: Actual | Unknown, world: World) -> bool:
    """Return whether this instance has applied a spec to exactly this object."""
    applied = world.applied.get(actual.key)
    if applied is None or applied.instance != world.instance:
        return False
    return isinstance(actual, Unknown) or applied.uuid in ("", actual.uuid)


def _other_owner(actual: Actual, world: World) -> str:
    """Return the name of another instance that manages an object, "" if there is none."""
    stamp = actual.stamp
    is_valid = stamp and stamp.uuid == actual.uuid and stamp.instance != world.instance
    return stamp.instance if stamp and is_valid else ""


def _find_adoptable(keys: frozenset[Key], world: World) -> Mapping[Key, Actual]:
    """Return the objects that can be adopted, and report why the others cannot."""
    found: dict[Key, Actual] = {}
    for key in sorted(keys):
        actual = world.observed.objects.get(key)
        if not isinstance(actual, Actual):
            report_problems([Problem(str(key), actual.why if actual else _explain_absence(key, world))])
        elif not actual.persistent:
            report_problems([Problem(str(key), "it is transient", _make_persistent(actual, world))])
        elif other := _other_owner(actual, world):
            what = f'it bears the mark of the instance "{other}"'
            todo = (
                'if that instance still exists, remove its spec there with prune "never"; '
                'then remove the metadata "urn:kvmreconcile:1" of the object'
            )
            report_problems([Problem(str(key), what, todo)])
        else:
            found[key] = actual
    return found


def _explain_absence(key: Key, world: World) -> str:
    """Explain why an object in the state was not observed."""
    unobservable = world.observed.unobservable_part(key)
    return f"it cannot be observed: {unobservable.why}" if unobservable else "it does not exist on the host"


_PERSISTENT = {
    "Domain": "{virsh} dumpxml --security-info {name} | {virsh} define /dev/stdin",
    "Network": "{virsh} net-dumpxml {name} | {virsh} net-define /dev/stdin",
    "StoragePool": "{virsh} pool-dumpxml {name} | {virsh} pool-define /dev/stdin",
}
"""The commands that make a transient object of a kind persistent."""


def _make_persistent(actual: Actual, world: World) -> str:
    """Return how to make an object persistent, with the command where there is one."""
    name = domain_word(actual.key.name, actual.uuid)
    command = world.commands.filled(_PERSISTENT.get(actual.key.kind, ""), name)
    return f"make it persistent first{': ' if command else ''}{command}"


def _spec_text(actual: Actual, kind: Kind) -> str:
    name = actual.key.name.rpartition("/")[2]
    head = {"apiVersion": API_VERSION, "kind": kind.name, "metadata": {"name": name}}
    return write_document({**head, "spec": kind.adopt(actual)})


def _plan_specs(written: Mapping[Key, str], world: World, session: Session) -> tuple[World, Plan]:
    """Read the specs back, and plan for them with the policy to adopt."""
    with TemporaryDirectory(prefix="kvmreconcile-adopt-") as directory:
        for number, text in enumerate(written.values()):
            Path(directory, f"{number}.yaml").write_text(text)
        loaded = load([Path(directory)], session.kinds, world.instance)
    report_problems(_cannot_be_adopted(problem, [*written]) for problem in loaded.problems)
    desired = {k: replace(d, policy=replace(d.policy, adopt=True)) for k, d in loaded.desired.items()}
    # The new spec has every field of the object, so an earlier one does not count.
    applied = {k: a for k, a in world.applied.items() if k not in written}
    world = replace(world, desired=desired, applied=applied, frozen=loaded.frozen, complete=False)
    return world, session.plan(world, Overrides(only=frozenset(written)))


def _cannot_be_adopted(problem: Problem, keys: Sequence[Key]) -> Problem:
    """Return why an object cannot be adopted, without the path of its spec in a temporary directory."""
    number = _NUMBER.search(problem.where)
    if number is None:
        return problem
    key = keys[int(number[1])]
    what = _OTHER_PLACE.sub("", problem.what.removeprefix(f"{key}: "))
    return Problem(str(key), f"it cannot be adopted: {what}", "change the object first")


def _is_different(key: Key, plan: Plan, world: World) -> bool:
    """Return whether a spec would change its object, or the plan leaves the object out."""
    verbs = {a.verb for a in plan.actions if a.key == key}
    is_known = bool(verbs) or key in plan.in_sync or key in plan.records
    is_changed = bool(verbs - {OWN}) or any(h.action.key == key for h in plan.held)
    return is_changed or not is_known or key not in world.desired


def _report_differences(plan: Plan, differing: list[Key], session: Session) -> None:
    """Print what the specs of some objects would change."""
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
    """Return a problem without its place in a temporary file; a problem of the state has no file."""
    if not problem.where.startswith("/"):
        return problem
    todo = "edit one of the objects named, or create one that is missing"
    return Problem("adopt", _OTHER_PLACE.sub("", problem.what), todo)


def _find_secret(found: Mapping[Key, Actual], kinds: Mapping[str, Kind]) -> frozenset[Key]:
    return frozenset(k for k, a in found.items() if holds_secret(a.tree, "", kinds[k.kind].rules))


def _write_specs(output: Path | None, written: Mapping[Key, str], secret: frozenset[Key]) -> None:
    """
    Write the specs to standard output, a file or a directory.

    A file that exists is never overwritten; it is accepted if it has the same content.
    """
    for key in secret & written.keys():
        say(f"{key}: its spec holds secrets; let only kvmreconcile and its administrators read it")
    if output is None:
        show("---\n".join(written.values()) if written else "")
    elif output.is_dir():
        for key, text in written.items():
            name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{key.kind.lower()}-{key.name}")
            _create(output / f"{name}.yaml", text, is_private=key in secret)
    else:
        _create(output, "---\n".join(written.values()), is_private=bool(secret & written.keys()))


def _create(file: Path, text: str, *, is_private: bool) -> None:
    try:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if is_private else 0o644), "w"
        ) as to:
            to.write(text)
    except FileExistsError:
        if _has_content(file, text):
            # An earlier run was interrupted before it adopted the object.
            return
        todo = "remove it, or name another file or directory with --output"
        raise SpecError([Problem(str(file), "the file exists", todo)]) from None
    except OSError as error:
        what = f"it cannot be written: {error.strerror}"
        raise SpecError([Problem(str(file), what, "name another file or directory with --output")]) from None


def _has_content(file: Path, text: str) -> bool:
    """Return whether a file's content is exactly this text."""
    content = text.encode()
    try:
        return read_bounded(file, len(content)) == content
    except OSError:
        return False


def _take_over(proved: list[Key], chosen: int, plan: Plan, world: World, session: Session) -> bool:
    """Record ownership of objects, in their metadata where libvirt keeps it and in the state; print how many failed."""
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
