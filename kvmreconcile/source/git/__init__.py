"""
Fetch specs from a git repository, verify each commit's signature, and check out each revision.

The content of a revision is used only after the signature is verified. The current revision stays
in use until a new one is complete.
"""

from kvmreconcile.source.git.remote import Remote
from kvmreconcile.source.git.repository import Repository
from kvmreconcile.source.git.revisions import Revision

__all__ = ["Remote", "Repository", "Revision"]
