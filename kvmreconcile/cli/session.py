"""
Open what a command works with: kinds, specs, the connection to libvirt and the state database.

libvirt is loaded only when a command connects.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import say
from kvmreconcile.errors import HostError, Problem, SpecError, Unavailable
from kvmreconcile.host.endpoint import Down
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Key, Prune, SpecSource, World
from kvmreconcile.model.placement import LocalHost
from kvmreconcile.plan import Overrides
from kvmreconcile.render import Target
from kvmreconcile.session.endpoints import close_endpoints, open_endpoint, other_endpoints
from kvmreconcile.session.kinds import document_kinds, kinds_for_connection, known_expanders, known_kinds
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
    """Connect, and open the state database for writing."""
    with _connected(settings) as (connection, others), use_state(State.open(settings.state)) as state:
        known = kinds_for_connection(kinds, connection)
        yield Session(settings, known, connection, state, interruption.stopping, others=others)


@contextmanager
def view_session(settings: Settings, kinds: Mapping[str, Kind]) -> Iterator[Session]:
    """Connect, and open the state database read-only."""
    with (
        _connected(settings) as (connection, others),
        use_state(State.open_readonly(settings.state)) as state,
    ):
        yield Session(settings, kinds_for_connection(kinds, connection), connection, state, others=others)


@contextmanager
def _connected(settings: Settings) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """
    Yield the connection to libvirt, or `Down`, and the connections to other endpoints by name.

    Raises:
        Unavailable: No endpoint can be reached; the message is libvirt's.
    """
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed

    others = {name: open_endpoint(each, settings) for name, each in other_endpoints().items()}
    try:
        libvirt = _connect_libvirt(partial(connect, settings.connect), others)
        with nullcontext(libvirt) if isinstance(libvirt, Down) else libvirt:
            yield libvirt, others
    finally:
        close_endpoints(others)


def _connect_libvirt(connect: Callable[[], Any], others: Mapping[str, Any]) -> Any:
    """Return the connection to libvirt; if it fails while another endpoint is up, print why and return `Down`."""
    try:
        return connect()
    except Unavailable as error:
        if all(isinstance(each, Down) for each in others.values()):
            raise
        say(f"kvmreconcile: objects of libvirt cannot be observed: {error}")
        return Down(str(error))


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
    is_down = isinstance(session.connection, Down)
    host = settings.host if is_down else session.connection.hostname() or settings.host
    ref = settings.git.ref if settings.git and origin.commit else ""
    uri = settings.connect if is_down else session.connection.uri
    return Target(host, uri, settings.instance, origin.source, ref, origin.commit)


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
        elif key.kind not in kinds and key.kind in known_expanders():
            what = f"a {key.kind} generates other objects, and is not an object itself"
            problems.append(Problem(word, what, f"name one of its objects; see: kvmreconcile status {key}"))
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
    Return overrides in which each document that generates other objects is replaced by these objects.

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
