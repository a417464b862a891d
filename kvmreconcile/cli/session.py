"""
Open what a command works with: kinds, specs, libvirt, state.

Separate because every command that looks at a host begins with it, and because only here libvirt is loaded.
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
from kvmreconcile.render import Target
from kvmreconcile.session.kinds import known_kinds, on_host
from kvmreconcile.session.origin import Origin, find_origin
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.load import Loaded, load
from kvmreconcile.source.suggestions import advice
from kvmreconcile.state import State
from kvmreconcile.system.owner import acting_as_owner
from kvmreconcile.tree import Rules

NO_SPECS = Loaded((), {}, (), frozenset(), complete=False, source=SpecSource())
"""For a look at the host alone."""


def rules_of(kinds: Mapping[str, Kind]) -> Mapping[str, Rules]:
    """Return each kind's rules, as renderers want them."""
    return {name: kind.rules for name, kind in kinds.items()}


def read_specs(paths: Sequence[Path], settings: Settings, kinds: Mapping[str, Kind]) -> Loaded:
    """Read the specs named, or else those of the settings."""
    return read_origin(find_origin(paths, settings), settings, kinds)


def read_origin(origin: Origin, settings: Settings, kinds: Mapping[str, Kind]) -> Loaded:
    """Read the specs of an origin; those of a repository lie in the state, and are read as its owner."""
    with acting_as_owner(settings.state) if origin.commit else nullcontext():
        loaded = load(origin.paths, kinds, settings.instance, origin.naming)
    return replace(loaded, source=origin.source)


@contextmanager
def open_session(settings: Settings, kinds: Mapping[str, Kind]) -> Iterator[Session]:
    """Connect, and open the state to be written."""
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed

    with connect(settings.connect) as connection, use_state(State.open(settings.state)) as state:
        yield Session(settings, on_host(kinds, connection), connection, state, interruption.stopping)


@contextmanager
def view_session(settings: Settings, kinds: Mapping[str, Kind]) -> Iterator[Session]:
    """Connect, and look at the state without changing it."""
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed

    with connect(settings.connect) as connection, use_state(State.open_readonly(settings.state)) as state:
        yield Session(settings, on_host(kinds, connection), connection, state)


@contextmanager
def use_state(opened: State) -> Iterator[State]:
    """Yield a state and close it in the end; say first if its database had to be created in place of another."""
    with closing(opened) as state:
        if state.notice:
            say(f"kvmreconcile: {state.notice}")
        yield state


def check_state(settings: Settings, state: State) -> None:
    """
    Make sure that a state is this host's, and say if it was lost, for a command that needs no libvirt.

    Nothing is known, and nothing is wrong, where libvirt cannot be reached or is behind a network.

    Raises:
        OtherHost: It belongs to another.
    """
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed
    from kvmreconcile.host.identity import is_local  # noqa: PLC0415  loaded only when needed

    is_unproved = state.is_unproved()
    if not is_local(settings.connect) or not (is_unproved or state.binding.host()):
        return
    with suppress(HostError), connect(settings.connect) as connection:
        state.binding.check(connection.identify(), connection.uri, settings.commands)
        if is_unproved:
            session = Session(settings, on_host(known_kinds(), connection), connection, state)
            say(session.look(NO_SPECS, datetime.now(UTC)).lost)


def target_of(session: Session, origin: Origin) -> Target:
    """Return what a plan for a host is about, by specs of some origin."""
    settings = session.settings
    host = session.connection.hostname() or settings.host
    ref = settings.git.ref if settings.git and origin.commit else ""
    return Target(host, session.connection.uri, settings.instance, origin.source, ref, origin.commit)


def pruned_as(world: World, prune: Prune | None, kinds: Mapping[str, Kind]) -> World:
    """
    Return a world in which what becomes of objects without a spec is what the command line says, None for nothing.

    Unless they are to stay, those of all sources are considered. Kinds whose setting is "never" keep it.
    """
    if prune is None:
        return world
    was = {kind.name: world.prune.get(kind.name, kind.prune) for kind in kinds.values()}
    words = {name: prune if word is not Prune.NEVER else word for name, word in was.items()}
    provenance = replace(world.provenance, all_sources=prune is not Prune.NEVER)
    return replace(world, prune=words, provenance=provenance)


def chosen(words: Iterable[str], kinds: Mapping[str, Kind]) -> frozenset[Key]:
    """
    Return the keys that were named on the command line.

    Raises:
        SpecError: A kind is unknown, or one of the two is missing.
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


def check_known(keys: Iterable[Key], world: World) -> None:
    """
    Make sure that what was named is there to be planned for.

    Raises:
        SpecError: Neither a spec, nor the host, nor the state knows it.
    """
    known = {*world.desired, *world.observed.objects, *world.applied, *world.frozen}
    lost = [key for key in keys if key not in known]
    if lost:
        words = [str(key) for key in sorted(known)]
        raise SpecError([Problem(str(key), *_unknown(key, world, words)) for key in lost])


def _unknown(key: Key, world: World, words: Sequence[str]) -> tuple[str, str]:
    """Return why a name cannot be planned for, and what to do."""
    if unobservable := world.observed.unobservable_part(key):
        if unobservable.unsupported:
            todo = "name an object of another kind, or another libvirt with --connect"
            return f"this libvirt has no objects of its kind: {unobservable.why}", todo
        return f"it cannot be observed: {unobservable.why}", "solve that first"
    todo = advice(str(key), words) or "no objects are known yet"
    specs = "in the specs, " if world.desired and world.complete else ""
    return f"there is no such object {specs}on the host or in the state", todo
