"""Render a plan: as text for a terminal, as JSON for programs, as Markdown for a review."""

from kvmreconcile.render.markdown import render_markdown
from kvmreconcile.render.summary import summary
from kvmreconcile.render.target import Target
from kvmreconcile.render.text import Palette, render_text
from kvmreconcile.render.to_json import SCHEMA, render_json
from kvmreconcile.render.view import needs_approval, release

__all__ = [
    "SCHEMA",
    "Palette",
    "Target",
    "needs_approval",
    "release",
    "render_json",
    "render_markdown",
    "render_text",
    "summary",
]
