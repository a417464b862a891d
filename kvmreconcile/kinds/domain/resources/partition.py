"""The cgroup of a domain."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Table


class PartitionFields(Spec):
    """Field of Domain for the cgroup."""

    partition: Annotated[
        str | None,
        At("resource/partition"),
        Field(
            pattern="^/",
            description=(
                'Path of a cgroup whose limits guests share, such as "/production". It must exist '
                'below the host\'s /machine. Defaults to "/machine".'
            ),
        ),
    ] = None


SECTION = Section(PartitionFields, Rules(members=Table({"resource": shared_list()})))
