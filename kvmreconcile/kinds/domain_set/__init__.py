"""Sets of equal domains, each with its own volumes."""

from kvmreconcile.kinds.domain_set.expand import expand
from kvmreconcile.kinds.domain_set.spec import NAME, DomainSetSpec
from kvmreconcile.kinds.expander import Expander, Stage

EXPANDER = Expander(name=NAME, spec=DomainSetSpec, expand=expand, stage=Stage.SET, one_host=True)
