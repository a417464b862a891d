"""
Specs from a git repository: fetched, trusted, and laid out as a directory, one revision after another.

Separate from reading specs, which knows directories only. Nothing of a revision is used before it is trusted, and
the revision in force stays until another is wholly there.
"""

from kvmreconcile.source.git.remote import Remote
from kvmreconcile.source.git.repository import Repository
from kvmreconcile.source.git.revisions import Revision

__all__ = ["Remote", "Repository", "Revision"]
