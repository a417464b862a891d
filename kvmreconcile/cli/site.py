"""
Open what a command works with: kinds, specs, libvirt, state.

Separate because every command that looks at a host begins with it, and because only here libvirt is loaded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from kvmreconcile.cli.terminal import say
from kvmreconcile.errors import HostError, Problem, SpecError
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Key, World
from kvmreconcile.origin import Origin, find_origin
from kvmreconcile.owner import acting_as_owner
from kvmreconcile.reconcile import Site, known_kinds, on_host
from kvmreconcile.settings import Settings
from kvmreconcile.source.load import Loaded, load
from kvmreconcile.source.suggest import advice
from kvmreconcile.state import State
from kvmreconcile.tree import Rules

NO_SPECS = Loaded((), {}, (), frozenset(), complete=False)
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
        return load(origin.paths, kinds, settings.instance, origin.naming)


@contextmanager
def open_site(settings: Settings, kinds: Mapping[str, Kind]) -> Iterator[Site]:
    """Connect, and open the state to be written."""
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed

    with connect(settings.connect) as connection, use_state(State.open(settings.state)) as state:
        yield Site(settings, on_host(kinds, connection), connection, state)


@contextmanager
def view_site(settings: Settings, kinds: Mapping[str, Kind]) -> Iterator[Site]:
    """Connect, and look at the state without changing it."""
    from kvmreconcile.host.connection import connect  # noqa: PLC0415  loaded only when needed

    with connect(settings.connect) as connection, use_state(State.open_readonly(settings.state)) as state:
        yield Site(settings, on_host(kinds, connection), connection, state)


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
            site = Site(settings, on_host(known_kinds(), connection), connection, state)
            say(site.look(NO_SPECS, datetime.now(UTC)).lost)


def chosen(words: Iterable[str], kinds: Mapping[str, Kind]) -> frozenset[Key]:
    """
    Return the keys that were named on the command line.

    Raises:
        SpecError: A kind is unknown, or one of the two is missing.
    """
    keys, problems = set(), []
    for word in words:
        key = Key.read(word)
        if key.kind not in kinds and "/" not in word:
            problems.append(Problem(word, "its kind is missing", f"write KIND/NAME, such as Domain/{word}"))
        elif key.kind not in kinds:
            problems.append(Problem(word, f"unknown kind '{key.kind}'", advice(key.kind, kinds)))
        elif not key.name:
            problems.append(Problem(word, "the name is missing", f"write {key.kind}/NAME"))
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
        what = "neither a spec nor this host has it"
        raise SpecError([Problem(str(key), what, advice(str(key), words)) for key in lost])
