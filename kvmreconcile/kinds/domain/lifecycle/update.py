"""When changes of a domain may be made, how the guest is shut down for them, and whether they are rolled back."""

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
    """How a guest is requested to shut down."""

    agent: Annotated[
        bool,
        Field(description="Request a shutdown by the guest agent, if there is one. Defaults to true."),
    ] = True
    acpi: Annotated[
        bool,
        Field(
            description="Request a shutdown by ACPI (the power button): first if no agent responds, else alternating with the agent. Defaults to true."
        ),
    ] = True
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            gt=0,
            description='A time such as "90s" or "5min". Time to wait for the guest to shut down; the request is repeated every 10 s. After that the step fails and the guest keeps running, unless `force` is set. Defaults to "60s".',
        ),
    ] = 60.0
    force: Annotated[
        bool,
        Field(description="Power the guest off after the timeout, which may lose data. Defaults to false."),
    ] = False

    @model_validator(mode="after")
    def _check(self) -> "Shutdown":
        if not (self.agent or self.acpi or self.force):
            raise ValueError(
                "no way to shut the guest down is enabled; enable agent or acpi, or set force: true"
            )
        return self


class DomainUpdate(UpdatePolicy):
    """When changes may be made, up to which effect without approval, and how the guest is shut down for them."""

    shutdown: Annotated[Shutdown, Field(description="How the guest is requested to shut down.")] = Shutdown()
    on_guest_reboot: Annotated[
        Literal["keep", "apply"],
        Field(
            description='What happens if the guest reboots itself while changes are pending for its next start: "keep" restarts it with the old definition, as libvirt does; "apply" powers it off, and the next pass starts it with the changes, so the daemon must run. Only used if `state` is "running". Defaults to "keep".'
        ),
    ] = "keep"
    replug_interfaces: Annotated[
        bool,
        Field(
            description="Apply changes of an interface that cannot be made while it is plugged in (such as its model, MTU, queues or VLAN) by unplugging it and plugging it in again. The guest loses its connections for a moment, and its operating system must support hot-plug. If false, such a change waits for the next start. Defaults to false."
        ),
    ] = False
    copy_disks: Annotated[
        bool,
        Field(
            description="If a disk's volume changes, copy the data to the new volume while the guest runs, and switch to it; the old volume is kept. The new volume must be empty, large enough and unused, and the disk of an inactive guest waits until the guest runs. If false, the guest uses the new volume and its contents from the next start. Defaults to false."
        ),
    ] = False
    group: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Name of a label. Guests with the same value of this label form a group, of which only a few are restarted or replaced at a time. Defaults to none.",
        ),
    ] = None
    max_unavailable: Annotated[
        int,
        Field(
            ge=1,
            description="Number of guests of the group that may be down at a time, including this one while it is restarted or replaced. If so many others are down, this guest waits for a later pass. Defaults to 1.",
        ),
    ] = 1
    order: Annotated[
        int,
        Field(
            description="Order in the group; guests with the lowest number are updated first. Defaults to 0."
        ),
    ] = 0

    rollback: Annotated[
        bool,
        Field(
            description="Roll an edit back if the guest is not `ready` in time afterwards or fails to start: the guest is changed back to its previous spec, and the edit is held until the spec is edited or the plan is approved. Other guests of its `group` are edited only after it is ready, and none while an edit is held for this reason. A guest that does not respond is restarted for the rollback only if it shuts down, or with `shutdown.force`. Defaults to false."
        ),
    ] = False

    def onto(self, policy: Policy, labels: Mapping[str, str]) -> Policy:
        """
        Return the policy with these settings for groups and live changes.

        Raises:
            LookupError: The guest does not have the label that names its group.
        """
        return replace(
            policy,
            group=f"{self.group}={labels[self.group]}" if self.group else "",
            max_unavailable=self.max_unavailable,
            order=self.order,
            live=LiveChanges(interrupts=self.replug_interfaces, copies=self.copy_disks),
        )

    def lifecycle(self) -> Lifecycle:
        """Return the policy for the guest's shutdown, its own reboot, and the rollback of edits."""
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
"""The order of shutdown requests, by whether the agent and the power button may be used."""


class UpdateFields(Spec):
    """The field of the update policy."""

    update: Annotated[
        DomainUpdate,
        Field(
            description="When changes may be made, up to which effect without approval, and how the guest is shut down for them."
        ),
    ] = DomainUpdate()


def _excluded(spec: BaseModel) -> Iterator[str]:
    update, state = fields_of(spec, UpdateFields).update, fields_of(spec, StateFields)
    if state.on_guest_stop == "leave" and update.on_guest_reboot == "apply":
        yield '"update.onGuestReboot: apply" and "onGuestStop: leave" cannot be combined'
    if update.rollback and fields_of(spec, ReadinessFields).ready is None:
        yield '"update.rollback" requires "ready"'


SECTION = Section(UpdateFields, contradictions=(_excluded,))
