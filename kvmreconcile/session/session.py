"""Observe a host, make plans for it and execute the plans, once or repeatedly."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from inspect import signature
from threading import Event
from typing import Any

from kvmreconcile.execute.executor import Reporter, Tools
from kvmreconcile.execute.plugins import EXECUTORS, PLANNERS, load_plugin
from kvmreconcile.host.endpoint import LIBVIRT, Endpoints
from kvmreconcile.model import Facts, Key, Plan, Provenance, Prune, Report, World
from kvmreconcile.plan import ComparisonCache, Overrides
from kvmreconcile.plan.gates.outdated_lists import absent_data, relied_on
from kvmreconcile.plan.lost_state import find_loss
from kvmreconcile.plan.secrets.paths import with_former_secrets
from kvmreconcile.session.content_directories import with_content_directories
from kvmreconcile.session.facts import HostFacts
from kvmreconcile.session.kinds import Kinds
from kvmreconcile.session.libvirt_access import LibvirtAccess
from kvmreconcile.session.limits import host_limits
from kvmreconcile.session.observe import Observer
from kvmreconcile.session.obstacles import Obstacles
from kvmreconcile.session.origin import configured_source
from kvmreconcile.session.placements import Placements
from kvmreconcile.session.record_problems import record_problems
from kvmreconcile.session.unread import find_unread
from kvmreconcile.session.validation import Validations
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.state import State

_VALIDATING_SHARE = 0.25
"""Maximum time for validating many definitions, as a fraction of the time for planning."""


@dataclass(frozen=True, slots=True)
class Session:
    """
    A connection to a host, with the state and the settings.

    Attributes:
        kinds: The kinds as this host supports them, from `kinds_for_connection`.
        connection: The connection to libvirt (`kvmreconcile.host.connection`), or `Down`. The type of the
            connection is not imported here, so that reading specs does not load libvirt.
        others: The connections to other endpoints, or `Down`, by the name of the endpoint.
        stopping: Once set, running steps finish and no further step starts.
        lend: Opens a separate connection for executing one plan. None uses `connection`. libvirt
            serves only five calls of a connection at a time (max_client_requests), so slow calls
            would delay observing.
    """

    settings: Settings
    kinds: Kinds
    connection: Any
    state: State
    stopping: Event = field(default_factory=Event)
    lend: Callable[[], AbstractContextManager[Any]] | None = None
    others: Mapping[str, Any] = field(default_factory=dict)
    _libvirt: LibvirtAccess = field(init=False)
    _facts: HostFacts = field(init=False)
    _observer: Observer = field(init=False)
    _obstacles: Obstacles = field(init=False)
    _validations: Validations = field(init=False)
    _placements: Placements = field(init=False)
    _cache: ComparisonCache = field(default_factory=ComparisonCache, init=False)

    def __post_init__(self) -> None:
        """Create the caches, which are empty at first."""
        endpoints = Endpoints({LIBVIRT: self.connection, **self.others})
        access = LibvirtAccess(self.connection, self.state, self.settings.commands)
        object.__setattr__(self, "_libvirt", access)
        object.__setattr__(self, "_facts", HostFacts(access))
        object.__setattr__(self, "_observer", Observer(self.kinds, endpoints))
        object.__setattr__(self, "_obstacles", Obstacles(self.kinds, endpoints))
        object.__setattr__(self, "_validations", Validations(access.embedded))
        object.__setattr__(self, "_placements", Placements(self.state, self.kinds))

    def facts(self, now: datetime) -> Facts:
        """Return what is known of the host beside its objects."""
        return self._facts.at(now)

    def has_lost_libvirt(self) -> bool:
        """Return whether libvirt has stopped answering since the session began."""
        return self._libvirt.is_lost()

    def observe(self, specs: Loaded, now: datetime, at: Collection[Key] | None = None) -> World:
        """
        Return the world: the specs, the observed host and the state.

        Args:
            at: The objects to observe again. None observes all objects.

        Raises:
            OtherHost: The state belongs to another host.
        """
        settings, here = self.settings, self._libvirt.identify()
        # Read the state first. Otherwise an object that another process completes would seem deleted.
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
            # Decisions depend on the state record. An object with an unreadable record is not changed.
            frozen=specs.frozen | self.state.unreadable().keys(),
            complete=specs.complete,
            prune={kind: Prune(word) for kind, word in settings.prune.items()},
            suspended=self.state.suspended(),
            probations=probations,
            edits=edits,
            software=self._libvirt.software() if any(edit.refused for edit in edits.values()) else "",
            first_seen=specs.first_seen,
            provenance=provenance,
            host_id=here,
            commands=settings.commands,
            notes=specs.coverage.notes,
            files=specs.coverage.files,
            unread=find_unread(specs, self.state.spec_files.all(), applied, provenance),
            facts=self.facts(now),
        )
        world = self._placements.complete(world, specs)
        world = self._with_damage(self.confirmed(world, absent_data(world, self.kinds, self._cache)))
        # After observing, since another process creates objects only after it has proved its state.
        return replace(world, lost=find_loss(world, self.kinds)) if self.state.is_unproved() else world

    def record_files(self, world: World) -> None:
        """Record the file, the owner and the placement of each spec. If that fails, the next pass retries it."""
        self._placements.record_specs(world)

    def claim(self, world: World) -> None:
        """Bind the state to the host at its first use, and record that it is not lost."""
        if world.host_id:
            self.state.binding.claim(world.host_id, self.connection.uri, world.commands)
        self.record_files(world)
        if not world.lost:
            self.state.prove()

    def record_sources(self, plan: Plan, world: World) -> None:
        """Record the source of specs for the objects that are in sync or have steps in a plan."""
        keys = {*plan.in_sync, *(action.key for action in plan.actions)} & world.desired.keys()
        if not world.lost and (found := world.provenance.to_record(keys)):
            self.state.sources.put(found)

    def mark_stale(self, keys: Collection[Key]) -> None:
        """Record that some objects may have changed, so that their pools are refreshed again."""
        self._observer.mark_stale(keys)

    def confirmed(self, world: World, keys: Collection[Key]) -> World:
        """
        Return a world in which some objects were not observed from an outdated list of libvirt.

        The pools of the objects are refreshed if needed. If a refresh fails, the objects are
        unknown.
        """
        observed = self._observer.confirmed(keys)
        return world if observed is world.observed else self._with_damage(replace(world, observed=observed))

    def _with_damage(self, world: World) -> World:
        """Return a world that includes the damaged content of its objects."""
        return replace(world, obstacles=self._obstacles.find_damage(world))

    def plan_refreshed(self, world: World, overrides: Overrides) -> tuple[World, Plan]:
        """
        Make a plan. Return the world for which the plan was made, and the plan.

        If a step relies on a volume that may have changed since its pool was refreshed, the pool is
        refreshed and the plan is made again.
        """
        plan = self.plan(world, overrides)
        fresh = self.confirmed(world, relied_on(plan, world, self.kinds, self._cache))
        if fresh is world:
            return world, plan
        fresh = self.confirmed(fresh, absent_data(fresh, self.kinds, self._cache))
        return fresh, self.plan(fresh, overrides)

    def plan(self, world: World, overrides: Overrides) -> Plan:
        """Return the plan for a world."""
        make, began_s = self._planner(overrides), time.monotonic()
        plan = make(world)
        # Only files from which a volume would be filled are read.
        unusable = self._obstacles.find_unusable(plan)
        lacking = self._obstacles.find_lacking(plan, world)
        if unusable or lacking:
            world = replace(world, obstacles={**world.obstacles, **unusable}, lacking=lacking)
            plan = make(world)
        within_s = (time.monotonic() - began_s) * _VALIDATING_SHARE
        validations = self._validations.validate_plan(plan, world, self.kinds, within_s)
        if refused := {key: each.refused for key, each in validations.items() if each.refused}:
            plan = make(replace(world, refused=refused))
        unchecked = tuple((key, each.unknown) for key, each in validations.items() if each.unknown)
        problems = (*plan.problems, *record_problems(self.state, self.settings.commands))
        return replace(plan, problems=problems, unchecked=unchecked)

    def _planner(self, overrides: Overrides) -> Callable[[World], Plan]:
        """Return the configured planner, with the comparison cache if it accepts one."""
        planner: Callable[..., Plan] = load_plugin(PLANNERS, self.settings.planner)
        cache = {"cache": self._cache} if "cache" in signature(planner).parameters else {}
        limits, directories = host_limits(self.settings), self.settings.sources.directories

        def make(world: World) -> Plan:
            plan = planner(world, self.kinds, overrides, limits, **cache)
            return with_content_directories(plan, world, self.kinds, directories)

        return make

    def execute(self, plan: Plan, world: World, reporter: Reporter, approved: str = "") -> Report:
        """
        Execute a plan and return the report.

        Args:
            approved: The digest of the approved plan for an executor that requires one; "" for none.
        """
        self.claim(world)
        if begun := plan.names & world.moved_here.keys():
            self._placements.record(world, begun)
        make = load_plugin(EXECUTORS, self.settings.executor)
        kinds = {self.kinds[key.kind].endpoint for key in {*plan.names, *plan.records}}
        lend = self.lend if self._libvirt.is_up and LIBVIRT in kinds else None
        with lend() if lend else nullcontext(self.connection) as connection:
            tools = Tools(
                kinds=self.kinds,
                connection=connection,
                state=self.state,
                reporter=reporter,
                workers=self.settings.workers,
                approved=approved,
                stopping=self.stopping,
                others=self.others,
            )
            report: Report = make(tools).execute(plan, world)
        return report
