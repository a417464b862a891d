"""A host with its specs and state: observe it, plan, and execute the plan, once or many times."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from inspect import signature
from pathlib import Path
from threading import Event
from typing import Any

from kvmreconcile.errors import Problem, StateError
from kvmreconcile.execute.executor import Reporter, Tools
from kvmreconcile.execute.plugins import EXECUTORS, PLANNERS, load_plugin
from kvmreconcile.model import Action, Key, Obstacle, Plan, Provenance, Prune, Report, World
from kvmreconcile.plan import ComparisonCache, Limit, Limits, Overrides
from kvmreconcile.plan.gates.outdated_lists import absent_data, relied_on
from kvmreconcile.plan.lost_state import find_loss
from kvmreconcile.plan.secrets.paths import with_former_secrets
from kvmreconcile.session.kinds import Kinds
from kvmreconcile.session.observe import Observer
from kvmreconcile.session.obstacles import Obstacles
from kvmreconcile.session.origin import configured_source
from kvmreconcile.session.verdicts import Judge, Verdicts
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.load import Loaded
from kvmreconcile.state import State

_VALIDATING_SHARE = 0.25
"""How long validating many definitions may take, as a share of planning."""


@dataclass(frozen=True, slots=True)
class Session:
    """
    A host as passes see it.

    Attributes:
        kinds: As this host serves them, see `on_host`.
        connection: From `kvmreconcile.host.connection`; not named here, so that reading specs loads no libvirt.
        stopping: Once set, what is under way is ended and nothing more is begun.
        lend: Opens a separate connection to execute one plan with, None to use the one for observing. libvirt
            serves five calls of a connection at once (max_client_requests), and slow ones would delay observing.
    """

    settings: Settings
    kinds: Kinds
    connection: Any
    state: State
    stopping: Event = field(default_factory=Event)
    lend: Callable[[], AbstractContextManager[Any]] | None = None
    _observer: Observer = field(init=False)
    _obstacles: Obstacles = field(init=False)
    _verdicts: Verdicts = field(init=False)
    _cache: ComparisonCache = field(default_factory=ComparisonCache, init=False)

    def __post_init__(self) -> None:
        """Begin without having seen anything."""
        object.__setattr__(self, "_observer", Observer(self.kinds, self.connection))
        object.__setattr__(self, "_obstacles", Obstacles(self.kinds, self.connection))
        object.__setattr__(self, "_verdicts", Verdicts(self._embedded))

    def _embedded(self) -> Judge:
        judge: Judge = self.connection.embedded()
        return judge

    def look(self, specs: Loaded, now: datetime, at: Collection[Key] | None = None) -> World:
        """
        Return specs, host and state as they are now; of the host, only the objects `at` are observed again if given.

        Raises:
            OtherHost: The state belongs to another host.
        """
        settings, here = self.settings, self.connection.identify()
        self.state.binding.check(here, self.connection.uri, settings.commands)
        # The state first: what another process completes meanwhile would be taken for gone.
        edits, applied, probations = self.state.edits(), self.state.applied(), self.state.probations()
        observed = self._observer.all() if at is None else self._observer.again(at)
        provenance = Provenance(specs.source, configured_source(settings), self.state.sources.all())
        world = World(
            instance=settings.instance,
            host=settings.host,
            now=now,
            desired=with_former_secrets(specs.desired, applied),
            observed=observed,
            applied=applied,
            # What is remembered of it is part of what decides, so that nothing is done to it without that.
            frozen=specs.frozen | self.state.unreadable().keys(),
            complete=specs.complete,
            prune={kind: Prune(word) for kind, word in settings.prune.items()},
            suspended=self.state.suspended(),
            probations=probations,
            edits=edits,
            # Asked only where it decides something.
            software=self.connection.software() if any(e.refused for e in edits.values()) else "",
            first_seen=specs.first_seen,
            provenance=provenance,
            host_id=here,
            commands=settings.commands,
            notes=specs.coverage.notes,
            files=specs.coverage.files,
            unread=self._unread(specs, applied, provenance),
        )
        world = self._judged(self.confirmed(world, absent_data(world, self.kinds, self._cache)))
        # Asked after observing: what another process makes meanwhile, it makes once it knows.
        return replace(world, lost=find_loss(world, self.kinds)) if self.state.is_unproved() else world

    def _unread(self, specs: Loaded, applied: Collection[Key], provenance: Provenance) -> dict[Key, Obstacle]:
        """Return the objects of ours without a spec whose last spec was in a file that was not read, and why it was not."""
        files = self.state.spec_files.all()
        without = {key for key in applied if key in files} - specs.desired.keys() - specs.frozen
        found = (
            (key, specs.coverage.find_obstacle(files[key], is_covered=not provenance.is_elsewhere(key)))
            for key in sorted(without)
        )
        return {key: obstacle for key, obstacle in found if obstacle}

    def note_files(self, world: World) -> None:
        """Remember in which file the spec of each object is; if that fails, as on a full disk, the next pass does it."""
        with suppress(StateError):
            self.state.spec_files.note(world.files, world.applied)

    def claim(self, world: World) -> None:
        """Bind the state to the host that was observed, when it is used for the first time, and know it to be new."""
        if world.host_id:
            self.state.binding.claim(world.host_id, self.connection.uri, world.commands)
        self.note_files(world)
        if not world.lost:
            self.state.prove()

    def record_sources(self, plan: Plan, world: World) -> None:
        """Write down the source that was read for its objects that are in sync or that a plan acts on."""
        keys = {*plan.in_sync, *(action.key for action in plan.actions)} & world.desired.keys()
        if not world.lost and (found := world.provenance.to_record(keys)):
            self.state.sources.put(found)

    def doubt(self, keys: Collection[Key]) -> None:
        """Take note that something may have happened to objects that libvirt lists from a cache."""
        self._observer.doubt(keys)

    def confirmed(self, world: World, keys: Collection[Key]) -> World:
        """
        Return a world in which what was observed of some objects is not from an outdated list of libvirt's.

        Pools are refreshed for that where it is not known; if it fails, these objects are unknown.
        """
        observed = self._observer.confirmed(keys)
        return world if observed is world.observed else self._judged(replace(world, observed=observed))

    def _judged(self, world: World) -> World:
        """Return a world with what is wrong with the content of its objects."""
        return replace(world, obstacles=self._obstacles.in_existing(world))

    def planned(self, world: World, overrides: Overrides) -> tuple[World, Plan]:
        """
        Return what would be done, and the world that was planned for.

        Where a plan would do something because of a volume that may have changed since its pool was last refreshed, the
        pool is refreshed, and all planned again.
        """
        plan = self.plan(world, overrides)
        fresh = self.confirmed(world, relied_on(plan, world, self.kinds, self._cache))
        if fresh is world:
            return world, plan
        fresh = self.confirmed(fresh, absent_data(fresh, self.kinds, self._cache))
        return fresh, self.plan(fresh, overrides)

    def plan(self, world: World, overrides: Overrides) -> Plan:
        """Say what would be done, and what is held."""
        said = self.settings.limits
        limits = Limits(
            delete=Limit(said.max_delete_share, said.max_delete),
            restart=Limit(said.max_restart_share, said.max_restart),
            replace=Limit(said.max_replace_share, said.max_replace),
            remake=Limit(said.max_remake_share, said.max_remake),
            settle_s=self.settings.settle.removal_s,
        )
        planner = self._planner()
        began_s = time.monotonic()
        plan: Plan = self._fenced(planner(world, self.kinds, overrides, limits), world)
        # Only files that something would be made of are read: of all others it does not matter what they hold.
        unusable = self._obstacles.in_new(plan)
        lacking = self._obstacles.on_host(plan, world)
        if unusable or lacking:
            world = replace(world, obstacles={**world.obstacles, **unusable}, lacking=lacking)
            plan = self._fenced(planner(world, self.kinds, overrides, limits), world)
        within_s = (time.monotonic() - began_s) * _VALIDATING_SHARE
        verdicts = self._verdicts.of(plan, world, self.kinds, within_s)
        if refused := {key: verdict.refused for key, verdict in verdicts.items() if verdict.refused}:
            plan = self._fenced(
                planner(replace(world, refused=refused), self.kinds, overrides, limits), world
            )
        unchecked = tuple((key, verdict.unknown) for key, verdict in verdicts.items() if verdict.unknown)
        return replace(plan, problems=(*plan.problems, *self._garbled()), unchecked=unchecked)

    def _planner(self) -> Callable[[World, Kinds, Overrides, Limits], Plan]:
        """Return the configured planner, with the comparison cache if it has a parameter for one."""
        planner: Callable[..., Plan] = load_plugin(PLANNERS, self.settings.planner)
        return partial(planner, cache=self._cache) if "cache" in signature(planner).parameters else planner

    def _garbled(self) -> Iterator[Problem]:
        """Yield what of the state cannot be read."""
        todo = (
            "with the daemon stopped, restore the state database from a backup, or move it away; if the state "
            "is then reported as lost, suspend what must be left alone, and accept the loss: "
            f"{self.settings.commands.kvmreconcile('state', 'accept')}"
        )
        for key, why in sorted(self.state.unreadable().items()):
            yield Problem(str(key), why, todo)

    def _fenced(self, plan: Plan, world: World) -> Plan:
        """Say of each file that something would be made of below which directories it must lie."""
        held = [h.action for h in plan.held]
        if not any(action.content for action in (*plan.actions, *held)):
            return plan
        places = (self.kinds[key.kind].place(desired.tree) for key, desired in world.desired.items())
        below = (
            *self.settings.sources.directories,
            *(Path(place) for place in places if place.startswith("/")),
        )

        def fenced(action: Action) -> Action:
            content = action.content
            return replace(action, content=content and replace(content, below=(content.home, *below)))

        return replace(
            plan,
            actions=tuple(map(fenced, plan.actions)),
            held=tuple(replace(h, action=fenced(h.action)) for h in plan.held),
        )

    def execute(self, plan: Plan, world: World, reporter: Reporter, approved: str = "") -> Report:
        """Do what the plan says; `approved` is for an executor that acts on approval only."""
        self.claim(world)
        make = load_plugin(EXECUTORS, self.settings.executor)
        with self.lend() if self.lend else nullcontext(self.connection) as connection:
            tools = Tools(
                kinds=self.kinds,
                connection=connection,
                state=self.state,
                reporter=reporter,
                workers=self.settings.workers,
                approved=approved,
                stopping=self.stopping,
            )
            report: Report = make(tools).execute(plan, world)
        return report
