"""
Fetch specs from a git repository, check who signed them, and check each revision out as a directory.

Nothing of a revision is used before its signature is checked, and the current revision is used until another one is
complete.
"""

from kvmreconcile.source.git.remote import Remote
from kvmreconcile.source.git.repository import Repository
from kvmreconcile.source.git.revisions import Revision

__all__ = ["Remote", "Repository", "Revision"]
