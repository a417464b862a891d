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
    """How a guest is shut down."""

    agent: Annotated[
        bool,
        Field(description="Whether the guest agent is asked, if there is one. Defaults to true."),
    ] = True
    acpi: Annotated[
        bool,
        Field(
            description=(
                "Whether the ACPI power button is pressed: first if no agent answers, then alternately with the "
                "agent. Defaults to true."
            )
        ),
    ] = True
    timeout_s: Annotated[
        Seconds,
        Field(
            alias="timeout",
            gt=0,
            description=(
                'Time such as "90s" or "5min" to wait for the guest to shut down; the request is repeated every '
                "10 s. After it, the step fails and the guest keeps running, unless `force` is set. Defaults to "
                '"60s".'
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
            raise ValueError(
                "no way to shut the guest down is enabled; enable agent or acpi, or set force: true"
            )
        return self


class DomainUpdate(UpdatePolicy):
    """When changes may be made, up to which effect without approval, and how the guest is shut down for them."""

    shutdown: Annotated[Shutdown, Field(description="How the guest is shut down.")] = Shutdown()
    on_guest_reboot: Annotated[
        Literal["keep", "apply"],
        Field(
            description=(
                'What a reboot from inside the guest does while changes wait for its next start: "keep" keeps the '
                'running definition, as libvirt does; "apply" powers the guest off, and the next pass starts it '
                'with the stored definition, so the daemon must run. Only if `state` is "running". Defaults to '
                '"keep".'
            )
        ),
    ] = "keep"
    replug_interfaces: Annotated[
        bool,
        Field(
            description=(
                "Whether an interface is unplugged and plugged in again for changes that cannot be made "
                "otherwise, such as model, MTU, queues or VLAN. The guest loses its connections for a moment, and "
                "its operating system must support hot-plug. Without it, such a change takes effect at the next "
                "start. Defaults to false."
            )
        ),
    ] = False
    copy_disks: Annotated[
        bool,
        Field(
            description=(
                "Whether the data of a disk is copied to its new volume while the guest runs, which then uses the "
                "copy; the old volume stays as it is then. The new volume must be empty, large enough and unused; "
                "a disk of a guest that is off waits until it runs. Without it, the new volume is used from the "
                "next start, with its own content. Defaults to false."
            )
        ),
    ] = False
    group: Annotated[
        str | None,
        Field(
            min_length=1,
            description=(
                "Name of one of the guest's labels: guests with the same value of it are a group, of which few "
                "are restarted or replaced at a time. Defaults to none."
            ),
        ),
    ] = None
    max_unavailable: Annotated[
        int,
        Field(
            ge=1,
            description=(
                "Maximum number of unavailable guests of the group: if as many other members should run and do "
                "not, this one is not stopped, and its steps wait for a later pass. Defaults to 1."
            ),
        ),
    ] = 1
    order: Annotated[
        int,
        Field(description="Position in the group: guests with the lowest number are first. Defaults to 0."),
    ] = 0

    rollback: Annotated[
        bool,
        Field(
            description=(
                "Whether an edit is rolled back if the running guest is not `ready` with it in time, or cannot be "
                "started. The guest is then as before the edit, which is held until the spec is edited again or "
                "the plan is approved. Other guests of its `group` are edited only once it is ready, and not "
                "while such an edit is held. A guest that hangs is restarted for the rollback only if it shuts "
                "down, or with `shutdown.force`. Defaults to false."
            )
        ),
    ] = False

    def onto(self, policy: Policy, labels: Mapping[str, str]) -> Policy:
        """
        Return a policy with the values of this section for groups and live changes.

        Raises:
            LookupError: The label that names its group is missing.
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
"""Ways of shutdown, in order, by whether the agent and the power button may be used."""


class UpdateFields(Spec):
    """Field of Domain for the update policy."""

    update: Annotated[
        DomainUpdate,
        Field(
            description=(
                "When changes may be made, up to which effect without approval, and how the guest is shut down "
                "for them."
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
