"""Merge, compare and edit XML trees according to rules, without knowledge of libvirt's objects."""

from kvmreconcile.tree.change import Change
from kvmreconcile.tree.combine import combined
from kvmreconcile.tree.diff import diff, locate
from kvmreconcile.tree.forget import forget
from kvmreconcile.tree.merge import is_satisfied_by, overlay
from kvmreconcile.tree.node import NONE, Node, brief, forget_unused, make, parse, to_xml
from kvmreconcile.tree.rows import (
    Automatic,
    CreationDefaults,
    Effect,
    Identity,
    Invisible,
    Members,
    Owner,
    Ref,
    Reset,
    UnsupportedSetting,
    Update,
)
from kvmreconcile.tree.rules import Rules
from kvmreconcile.tree.scalars import Measure, Scalar
from kvmreconcile.tree.table import Table, paths
from kvmreconcile.tree.undo import holds, overlap, put, transplant, undo, value_at

__all__ = [
    "NONE",
    "Automatic",
    "Change",
    "CreationDefaults",
    "Effect",
    "Identity",
    "Invisible",
    "Measure",
    "Members",
    "Node",
    "Owner",
    "Ref",
    "Reset",
    "Rules",
    "Scalar",
    "Table",
    "UnsupportedSetting",
    "Update",
    "brief",
    "combined",
    "diff",
    "forget",
    "forget_unused",
    "holds",
    "is_satisfied_by",
    "locate",
    "make",
    "overlap",
    "overlay",
    "parse",
    "paths",
    "put",
    "to_xml",
    "transplant",
    "undo",
    "value_at",
]
