"""When changes may be made, how a guest is shut down for them, and whether they are rolled back."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from kvmreconcile.kinds.domain.lifecycle.readiness import ReadinessFields
from kvmreconcile.kinds.domain.lifecycle.state import StateFields
from kvmreconcile.kinds.domain.section import Section, fields_of
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.update import UpdatePolicy
from kvmreconcile.model import Lifecycle, LiveChanges, Policy, ShutdownBy, ShutdownPolicy
from kvmreconcile.schema.section import Seconds


class Shutdown(Spec):
    """How a guest is asked to shut down."""

    agent: Annotated[
        bool,
        Field(description="Ask by the guest agent, where there is one. Defaults to true."),
    ] = True
    acpi: Annotated[
        bool,
        Field(
            description="Press the power button, at first where no agent answers, then in turn with the agent. "
            "Defaults to true."
        ),
    ] = True
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            gt=0,
            description='A time such as "90s" or "5min". How long to wait for the guest to shut down; it is asked '
            "every 10 s. After that the action fails and the guest keeps running, unless `force` is set. Defaults to "
            '"60s".',
        ),
    ] = 60.0
    force: Annotated[
        bool,
        Field(
            description="Power it off hard when the time is over, which may cost it data. Defaults to false."
        ),
    ] = False

    @model_validator(mode="after")
    def _check(self) -> "Shutdown":
        if not (self.agent or self.acpi or self.force):
            raise ValueError(
                "no way to shut the guest down is enabled; enable agent or acpi, or set force: true"
            )
        return self


class DomainUpdate(UpdatePolicy):
    """When and how far changes may go without asking, and how the guest is shut down for them."""

    shutdown: Annotated[Shutdown, Field(description="How the guest is asked to shut down.")] = Shutdown()
    on_guest_reboot: Annotated[
        Literal["keep", "apply"],
        Field(
            description="What a reboot by the guest itself does while changes wait for its next start: keep the "
            "running definition, as libvirt does, or apply what is stored: the guest is then powered off "
            "instead, and started again by the next pass, so the daemon must run. Only where `state` is "
            '"running". Defaults to "keep".'
        ),
    ] = "keep"
    replug_interfaces: Annotated[
        bool,
        Field(
            description="Where an interface is changed in what kvmreconcile cannot change while it is plugged in, such as "
            "its model, MTU, queues or VLAN, unplug it and plug it in again: the guest loses its connections for a "
            "moment, and its operating system must support hot-plug. Otherwise such a change waits for the next start. "
            "Defaults to false."
        ),
    ] = False
    copy_disks: Annotated[
        bool,
        Field(
            description="Where a disk is given another volume, copy its data there while the guest runs, and go over to "
            "the copy; the old volume stays as it is then. The new one must be empty and large enough, and used by "
            "nobody; a disk of a guest that is off waits until it runs. Otherwise the new volume is taken at the next "
            "start, with what is on it. Defaults to false."
        ),
    ] = False
    group: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The name of one of its labels: guests with the same value of it serve together, and few of "
            "them are restarted or replaced at a time. Defaults to none.",
        ),
    ] = None
    max_unavailable: Annotated[
        int,
        Field(
            ge=1,
            description="While so many others of its group do not run though they should, it is not taken away; "
            "it waits for a later pass. Defaults to 1.",
        ),
    ] = 1
    order: Annotated[
        int,
        Field(description="Of its group, the guests with the lowest go first. Defaults to 0."),
    ] = 0

    rollback: Annotated[
        bool,
        Field(
            description="Take an edit back with which the running guest is not `ready` in time, or cannot be started: it "
            "is then as its spec said before, and the edit is held until the spec is edited again or the plan is "
            "approved. Of its `group`, others are edited only once it is ready, and not while one edit is so held. A "
            "guest that hangs is restarted for that only if it shuts down, or with `shutdown.force`. Defaults to false."
        ),
    ] = False

    def onto(self, policy: Policy, labels: Mapping[str, str]) -> Policy:
        """
        Return a policy with what this says of groups of guests and of live changes.

        Raises:
            LookupError: It is to be in the group of a label that it does not have.
        """
        return replace(
            policy,
            group=f"{self.group}={labels[self.group]}" if self.group else "",
            max_unavailable=self.max_unavailable,
            order=self.order,
            live=LiveChanges(interrupts=self.replug_interfaces, copies=self.copy_disks),
        )

    def lifecycle(self) -> Lifecycle:
        """Return what this says of the guest's shutdown, its own reboot, and the rollback of edits."""
        how = self.shutdown
        return Lifecycle(
            shutdown=ShutdownPolicy(_WAYS[how.agent, how.acpi], how.timeout_s, how.force),
            reboot_applies=self.on_guest_reboot == "apply",
            rollback=self.rollback,
        )


_WAYS: Mapping[tuple[bool, bool], tuple[ShutdownBy, ...]] = {
    (True, True): ShutdownPolicy().ways,
    (True, False): (ShutdownBy.AGENT,),
    (False, True): (ShutdownBy.ACPI,),
    (False, False): (),
}
"""How a guest is asked in turn, by whether the agent and whether the power button may be used."""


class UpdateFields(Spec):
    """The field of the update policy."""

    update: Annotated[
        DomainUpdate,
        Field(
            description="When and how far changes may go without asking, and how it is shut down for them."
        ),
    ] = DomainUpdate()


def _excluded(spec: BaseModel) -> Iterator[str]:
    update, state = fields_of(spec, UpdateFields).update, fields_of(spec, StateFields)
    if state.on_guest_stop == "leave" and update.on_guest_reboot == "apply":
        yield '"update.onGuestReboot: apply" and "onGuestStop: leave" cannot be combined'
    if update.rollback and fields_of(spec, ReadinessFields).ready is None:
        yield '"update.rollback" requires "ready"'


SECTION = Section(UpdateFields, spec_checks=(_excluded,))
