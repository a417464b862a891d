"""Registry of the kinds of objects. A new kind needs one folder and one entry here."""

from kvmreconcile.kinds.domain import KIND as DOMAIN
from kvmreconcile.kinds.domain_set import EXPANDER as DOMAIN_SET
from kvmreconcile.kinds.expander import Expander
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.kinds.network import KIND as NETWORK
from kvmreconcile.kinds.pool import KIND as STORAGE_POOL
from kvmreconcile.kinds.volume import KIND as VOLUME

KINDS: tuple[Kind, ...] = (DOMAIN, NETWORK, STORAGE_POOL, VOLUME)
EXPANDERS: tuple[Expander, ...] = (DOMAIN_SET,)
"""Kinds of documents that generate documents of other kinds."""
