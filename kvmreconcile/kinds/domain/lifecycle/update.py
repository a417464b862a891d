"""Fields of a domain's update policy: when changes may be made, how the guest shuts down, and rollback."""

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
    """How a guest is shut down."""

    agent: Annotated[
        bool,
        Field(
            description=(
                "Whether the guest agent is asked to shut the guest down, if the guest has an agent. "
                "Defaults to true."
            )
        ),
    ] = True
    acpi: Annotated[
        bool,
        Field(
            description=(
                "Whether the ACPI power button is pressed. If `agent` is also true, requests "
                "alternate between the agent and the power button; while no agent is available, only "
                "the power button is used. Defaults to true."
            )
        ),
    ] = True
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            gt=0,
            description=(
                'Time such as "90s" or "5min" to wait for the guest to shut down. The request is '
                "repeated every 10 s. After this time, the step fails and the guest keeps running, "
                'unless `force` is set. Defaults to "60s".'
            ),
        ),
    ] = 60.0
    force: Annotated[
        bool,
        Field(
            description="Whether the guest is powered off after the timeout, which may lose data. Defaults to false."
        ),
    ] = False

    @model_validator(mode="after")
    def _check(self) -> "Shutdown":
        if not (self.agent or self.acpi or self.force):
            raise ValueError('no shutdown method is enabled; enable "agent" or "acpi", or set "force: true"')
        return self


class DomainUpdate(UpdatePolicy):
    """When changes may be made, their maximum effect without approval, and how the guest is shut down for them."""

    shutdown: Annotated[Shutdown, Field(description="How the guest is shut down.")] = Shutdown()
    on_guest_reboot: Annotated[
        Literal["keep", "apply"],
        Field(
            description=(
                "What a reboot from inside the guest does while changes wait for its next start. "
                '"keep": the guest reboots with its running definition, as is libvirt\'s default. '
                '"apply": the guest is powered off, and the next pass starts it with the stored '
                'definition; this requires the daemon. Used only if `state` is "running". Defaults '
                'to "keep".'
            )
        ),
    ] = "keep"
    replug_interfaces: Annotated[
        bool,
        Field(
            description=(
                "Whether an interface is detached and attached again for changes that require "
                "it, such as model, MTU, queues or VLAN. The guest loses its connections for a "
                "moment, and its operating system must support hot-plug. If false, such changes "
                "take effect at the next start. Defaults to false."
            )
        ),
    ] = False
    copy_disks: Annotated[
        bool,
        Field(
            description=(
                "Whether the data of a disk is copied to a new volume when the spec names another "
                "volume for the disk. The guest keeps running during the copy, and then uses the new "
                "volume; the old volume is kept unchanged. The new volume must be empty, large "
                "enough and unused. If the guest is off, the copy waits until the guest runs. If "
                "false, the guest uses the new volume with its existing content from the next start. "
                "Defaults to false."
            )
        ),
    ] = False
    group: Annotated[
        str | None,
        Field(
            min_length=1,
            description=(
                "Name of a label of the guest. Guests with the same value of this label form a "
                "group. `maxUnavailable` limits how many of them are restarted or replaced at a "
                "time. Defaults to none."
            ),
        ),
    ] = None
    max_unavailable: Annotated[
        int,
        Field(
            ge=1,
            description=(
                "Maximum number of unavailable guests of the group. If this many other members are "
                "unavailable (they should run and do not), this guest is not stopped, and its steps "
                "wait for a later pass. Defaults to 1."
            ),
        ),
    ] = 1
    order: Annotated[
        int,
        Field(
            description="Position in the group. Guests with the lowest number are updated first. Defaults to 0."
        ),
    ] = 0

    rollback: Annotated[
        bool,
        Field(
            description=(
                "Whether an edit is rolled back if the edited guest cannot be started or is not "
                "`ready` in time. After the rollback, the edit is held until the spec is edited "
                "again or the plan is approved. Other guests of the same `group` are edited only "
                "once this guest is ready, and not while its edit is held. If the rollback needs a "
                "restart, a guest that hangs is restarted only if it shuts down or `shutdown.force` "
                "is set. Defaults to false."
            )
        ),
    ] = False

    def onto(self, policy: Policy, labels: Mapping[str, str]) -> Policy:
        """
        Return a policy with the values of this section for groups and live changes.

        Args:
            policy: The policy that all kinds have.
            labels: The labels of the guest.

        Raises:
            LookupError: The guest lacks the label that names its group.
        """
        return replace(
            policy,
            group=f"{self.group}={labels[self.group]}" if self.group else "",
            max_unavailable=self.max_unavailable,
            order=self.order,
            live=LiveChanges(interrupts=self.replug_interfaces, copies=self.copy_disks),
        )

    def lifecycle(self) -> Lifecycle:
        """Return the policy for shutdowns of the guest, reboots from inside the guest, and rollbacks of edits."""
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
"""Ways of shutdown, in order, by whether the agent and the power button may be used."""


class UpdateFields(Spec):
    """Field of Domain for the update policy."""

    update: Annotated[
        DomainUpdate,
        Field(
            description=(
                "When changes may be made, their maximum effect without approval, and how the guest "
                "is shut down for them."
            )
        ),
    ] = DomainUpdate()


def _excluded(spec: BaseModel) -> Iterator[str]:
    update, state = fields_of(spec, UpdateFields).update, fields_of(spec, StateFields)
    if state.on_guest_stop == "leave" and update.on_guest_reboot == "apply":
        yield '"update.onGuestReboot: apply" and "onGuestStop: leave" cannot be combined'
    if update.rollback and fields_of(spec, ReadinessFields).ready is None:
        yield '"update.rollback" requires "ready"'


SECTION = Section(UpdateFields, spec_checks=(_excluded,))
