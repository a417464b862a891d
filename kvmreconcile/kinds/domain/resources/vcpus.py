"""vCPUs of a domain."""

import re
from collections.abc import Iterable, Iterator
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from kvmreconcile.kinds.domain.member_keys import (
    shared_list,
)
from kvmreconcile.kinds.domain.resources.cpu import MOST_VCPUS, CpuFields
from kvmreconcile.kinds.domain.resources.cpu_tuning import CpuTuningFields
from kvmreconcile.kinds.domain.resources.vcpu_actions import ACTIONS
from kvmreconcile.kinds.domain.section import Section, fields_of
from kvmreconcile.kinds.domain.spellings import BITMAP, INTEGER
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import DefinitionProblem
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.tree import (
    Node,
    Reset,
    Rules,
    Table,
    paths,
)
from kvmreconcile.tree.scalars import bitmap

_LAST = re.compile("(?:[0-9,-]*[,-])?([0-9]{1,5})")
"""A set of numbers in canonical form, and its last number."""


class Vcpus(Shorthand):
    """vCPUs. A plain number is short for both `count` and `maximum`."""

    short: ClassVar[str] = "maximum"

    maximum: Annotated[
        int | None,
        At("", WHOLE),
        Field(
            ge=1,
            le=MOST_VCPUS,
            description=(
                "Maximum number of vCPUs. vCPUs can be added up to this number while the guest runs. "
                "Defaults to `count`."
            ),
        ),
    ] = None
    count: Annotated[
        int | None,
        At("@current", WHOLE),
        Field(ge=1, le=MOST_VCPUS, description="Number of vCPUs. Defaults to `maximum`."),
    ] = None
    placement: Annotated[
        Literal["static", "auto"] | None,
        At("@placement"),
        Field(
            description='Placement: "static" uses `cpuset`, "auto" asks numad at each start. Defaults to "static".'
        ),
    ] = None
    cpuset: Annotated[
        str | None,
        At("@cpuset"),
        Field(
            min_length=1,
            description=(
                'Host CPUs that may be used, such as "0-3,8". `cputune.vcpupin` takes precedence. '
                "Defaults to all CPUs."
            ),
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        """Use a plain number for both `count` and `maximum`. If only one of them is set, use it for both."""
        data = super()._from_short(value)  # type: ignore[operator] # pydantic's wrapper is called like the method
        numbers = ("count", "maximum")
        said = [n for n in map(data.get, numbers) if n is not None] if isinstance(data, dict) else []
        return {**data, **dict.fromkeys(numbers, said[0])} if len(said) == 1 else data

    @model_validator(mode="after")
    def _check(self) -> "Vcpus":
        if self.count is None or self.maximum is None:
            raise ValueError('set "count" (and "maximum" for hot-plug)')
        if self.count > self.maximum:
            raise ValueError(f"count {self.count} is more than maximum {self.maximum}")
        if self.placement == "auto" and self.cpuset:
            raise ValueError('"placement: auto" and "cpuset" cannot be combined; remove one of them')
        return self


class VcpuFields(Spec):
    """Field of Domain for vCPUs."""

    vcpus: Annotated[
        Vcpus | None,
        At("vcpu"),
        Field(description="vCPUs. Defaults to 1 for a new domain."),
    ] = None


def _absent_vcpus(spec: BaseModel) -> Iterator[str]:
    """Yield references to vCPUs that the guest cannot have. libvirt silently ignores pins of such vCPUs."""
    vcpus, cpu = fields_of(spec, VcpuFields).vcpus, fields_of(spec, CpuFields).cpu
    tune = fields_of(spec, CpuTuningFields).cputune
    if vcpus is None or vcpus.maximum is None:
        return
    maximum, topology = vcpus.maximum, cpu.topology if cpu else None
    numbers = "there is only vCPU 0" if maximum == 1 else f"vCPUs are numbered 0 to {maximum - 1}"
    if topology:
        given = prod((topology.sockets, topology.dies or 1, topology.cores, topology.threads))
        if given != maximum:
            word = "vCPU" if given == 1 else "vCPUs"
            yield f'"cpu.topology" is for {given} {word}, but "vcpus.maximum" is {maximum}'
    pins = {number for number in (tune.vcpupin or ()) if number >= maximum} if tune else ()
    if pins:
        yield f'"cputune.vcpupin" pins vCPU {min(pins)}, but {numbers}'
    last = _highest(sched.vcpus for sched in (tune.vcpusched or ())) if tune else -1
    if last >= maximum:
        yield f'"cputune.vcpusched" refers to vCPU {last}, but {numbers}'
    last = _highest(cell.cpus for cell in (cpu.numa or ()) if cell.cpus) if cpu else -1
    if last >= maximum:
        yield f'"cpu.numa" refers to vCPU {last}, but {numbers}'


def _highest(sets: Iterable[str]) -> int:
    """Return the highest number in sets such as "0-3,8"; -1 if there is none or the sets are invalid."""
    last = (_LAST.fullmatch(bitmap(text)) for text in sets)
    return max((int(found[1]) for found in last if found), default=-1)


def _processors(domain: Node) -> Iterator[DefinitionProblem]:
    """
    Yield a problem if `<vcpu>` and `<vcpus>` have different numbers of vCPUs. libvirt would ignore `current`.

    Source: https://libvirt.org/formatdomain.html#cpu-allocation, `vcpus`
    """
    maximum, each = domain.get("vcpu"), list(domain.all("vcpus/vcpu"))
    count = domain.get("vcpu/@current") or maximum
    enabled = sum(vcpu.attr("enabled") == "yes" for vcpu in each)
    if maximum == str(len(each)) and count != str(enabled):
        what = f"the number of vCPUs is {count}, but <vcpus> enables {enabled}"
        yield DefinitionProblem(
            "vcpu/@current", what, "set the same number in both, or remove <vcpus>", "vcpus"
        )


SECTION = Section(
    VcpuFields,
    Rules(
        members=Table({"vcpus/vcpu": shared_list(("@id",))}),
        scalars=Table({"vcpu": INTEGER, "vcpu/@cpuset": BITMAP}),
        # All vCPUs are plugged in.
        implied=Table({"vcpu/@current": lambda vcpu: vcpu.text}),
        resets=Table(
            {
                "": (
                    # The plugged-in vCPUs, by number.
                    Reset("vcpu/@current", ("vcpus",), implied=True),
                    Reset("vcpu", ("vcpus",)),
                )
            }
        ),
        whole=paths("vcpu"),
        actions=ACTIONS,
    ),
    spec_checks=(_absent_vcpus,),
    definition_checks=(_processors,),
    kept=("vcpu", "vcpu/@current"),
)
