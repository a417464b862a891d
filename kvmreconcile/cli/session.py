"""
Open what a command works with: kinds, specs, the connection to libvirt and the state database.

libvirt is loaded only when a command connects.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import say
from kvmreconcile.errors import HostError, Problem, SpecError
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Key, Prune, SpecSource, World
from kvmreconcile.model.placement import LocalHost
from kvmreconcile.plan import Overrides
from kvmreconcile.render import Target
from kvmreconcile.session.kinds import document_kinds, kinds_for_connection, known_kinds
from kvmreconcile.session.origin import SpecOrigin, find_origin, local_host
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.source.suggestions import advice
from kvmreconcile.state import State
from kvmreconcile.system.owner import acting_as_owner
from kvmreconcile.tree import Rules

NO_SPECS = Loaded((), {}, (), frozenset(), complete=False, source=SpecSource())
"""An empty set of specs, with which the host can be observed."""


def rules_by_kind(kinds: Mapping[str, Kind]) -> Mapping[str, Rules]:
    """Return the rules of each kind, which renderers need."""
    return {name: kind.rules for name, kind in kinds.items()}


def read_specs(paths: Sequence[Path], settings: Settings, kinds: Mapping[str, Kind]) -> Loaded:
    """Read the specs for this host at the given paths; without paths, read the specs that the settings name."""
    return read_origin(find_origin(paths, settings), settings, kinds, local_host(settings))


def read_origin(
    origin: SpecOrigin, settings: Settings, kinds: Mapping[str, Kind], host: LocalHost | None
) -> Loaded:
    """
    Read the specs of an origin.

    The specs of a repository are in the state directory, and are read as the owner of that directory.

    Args:
        host: The host whose specs are selected, None for the specs of all hosts.
    """
    with acting_as_owner(settings.state) if origin.commit else nullcontext():
        loaded = load(origin.paths, document_kinds(kinds), settings.instance, origin.naming, host)
    return replace(loaded, source=origin.source)


@contextmanager
def open_session(settings: Settings, kinds: Mapping[str, Kind]) -> Iterator[Session]:
    """Connect to libvirt, and open the state database for writing."""
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed

    with connect(settings.connect) as connection, use_state(State.open(settings.state)) as state:
        yield Session(
            settings, kinds_for_connection(kinds, connection), connection, state, interruption.stopping
        )


@contextmanager
def view_session(settings: Settings, kinds: Mapping[str, Kind]) -> Iterator[Session]:
    """Connect to libvirt, and open the state database read-only."""
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed

    with connect(settings.connect) as connection, use_state(State.open_readonly(settings.state)) as state:
        yield Session(settings, kinds_for_connection(kinds, connection), connection, state)


@contextmanager
def use_state(opened: State) -> Iterator[State]:
    """
    Yield the state, and close it at the end.

    If its database was created in place of another database, print a notice first.
    """
    with closing(opened) as state:
        if state.notice:
            say(f"kvmreconcile: {state.notice}")
        yield state


def check_state(settings: Settings, state: State) -> None:
    """
    Check that the state database belongs to this host, and print a message if the state may be lost.

    This is for commands that work without libvirt: nothing is checked if libvirt cannot be reached
    or is remote.

    Raises:
        OtherHost: The state database belongs to another host.
    """
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed
    from kvmreconcile.host.identity import is_local  # noqa: PLC0415  loaded only when needed

    is_unproved = state.is_unproved()
    if not is_local(settings.connect) or not (is_unproved or state.binding.host()):
        return
    with suppress(HostError), connect(settings.connect) as connection:
        state.binding.check(connection.identify(), connection.uri, settings.commands)
        if is_unproved:
            session = Session(settings, kinds_for_connection(known_kinds(), connection), connection, state)
            say(session.observe(NO_SPECS, datetime.now(UTC)).lost)


def target_of(session: Session, origin: SpecOrigin) -> Target:
    """Return the target of a plan: the host, the instance and the source of the specs."""
    settings = session.settings
    host = session.connection.hostname() or settings.host
    ref = settings.git.ref if settings.git and origin.commit else ""
    return Target(host, session.connection.uri, settings.instance, origin.source, ref, origin.commit)


def pruned_as(world: World, prune: Prune | None, kinds: Mapping[str, Kind]) -> World:
    """
    Return a world that uses the value of --prune for objects without a spec.

    A value other than "never" applies to objects of all sources of specs. Kinds with the setting "never"
    keep that setting.

    Args:
        prune: The value, or None if the option was not given; the world is then unchanged.
    """
    if prune is None:
        return world
    was = {kind.name: world.prune.get(kind.name, kind.prune) for kind in kinds.values()}
    words = {name: prune if word is not Prune.NEVER else word for name, word in was.items()}
    provenance = replace(world.provenance, all_sources=prune is not Prune.NEVER)
    return replace(world, prune=words, provenance=provenance)


def parse_keys(words: Iterable[str], kinds: Mapping[str, object]) -> frozenset[Key]:
    """
    Return the keys of the objects that are named on the command line.

    Raises:
        SpecError: A kind is unknown, or a kind or name is missing.
    """
    keys, problems = set(), []
    for word in words:
        key = Key.read(word)
        if key.kind not in kinds and "/" not in word and word.casefold() not in map(str.casefold, kinds):
            problems.append(Problem(word, "its kind is missing", f"write KIND/NAME, such as Domain/{word}"))
        elif key.kind not in kinds:
            problems.append(Problem(word, f"unknown kind '{key.kind}'", advice(key.kind, kinds)))
        elif not key.name:
            problems.append(
                Problem(
                    word, "the name is missing", f"write {key.kind}/NAME; the name of a volume is POOL/NAME"
                )
            )
        keys.add(key)
    if problems:
        raise SpecError(problems)
    return frozenset(keys)


def select(overrides: Overrides, world: World) -> Overrides:
    """
    Return overrides in which each document that stands for other objects is replaced by these objects.

    Raises:
        SpecError: A selected object is neither in the specs nor on the host nor in the state.
    """
    if overrides.only is None:
        return overrides
    found = {key: {each for each, owner in world.owners.items() if owner == key} for key in overrides.only}
    check_known((key for key, members in found.items() if not members), world)
    return replace(overrides, only=frozenset().union(*(members or {key} for key, members in found.items())))


def check_known(keys: Iterable[Key], world: World) -> None:
    """
    Check that each object exists in the specs, on the host or in the state.

    Raises:
        SpecError: An object does not exist in any of these places.
    """
    known = {*world.desired, *world.observed.objects, *world.applied, *world.frozen}
    missing = [key for key in keys if key not in known]
    if missing:
        words = [str(key) for key in sorted(known)]
        raise SpecError([Problem(str(key), *_explain_unknown(key, world, words)) for key in missing])


def _explain_unknown(key: Key, world: World, words: Sequence[str]) -> tuple[str, str]:
    """
    Return why an object is not known, and what the user can do.

    Args:
        words: The keys of all known objects, from which a similar key is suggested.
    """
    if unobservable := world.observed.unobservable_part(key):
        if unobservable.unsupported:
            todo = "name an object of another kind, or use another libvirt connection (--connect)"
            return f"this libvirt has no objects of this kind: {unobservable.why}", todo
        return f"it cannot be observed: {unobservable.why}", "fix this problem first"
    todo = advice(str(key), words) or "no objects are known yet"
    specs = "in the specs, " if world.desired and world.complete else ""
    return f"there is no such object {specs}on the host or in the state", todo
