"""Render the parts of a spec that all kinds have: typed fields, merged XML, and policy."""

import re
from collections.abc import Iterator
from dataclasses import replace

from pydantic import BaseModel

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.kinds.kind import Document, ObjectSpec
from kvmreconcile.kinds.update import effect
from kvmreconcile.model import Apply, Creation, Desired, Key, Policy
from kvmreconcile.schema.mapping import write
from kvmreconcile.schema.unmatched import Unmatched, find_unmatched
from kvmreconcile.tree import Node, Rules, diff, make, overlay, parse, paths
from kvmreconcile.tree.rules import labels
from kvmreconcile.tree.variants import for_policy


def spec_tree(document: Document, spec: BaseModel, root: str, rules: Rules) -> Node:
    """
    Return the tree of a spec: its name and typed fields, with its `xml` merged over them.

    All lists are kept, including empty ones.

    Args:
        document: The object with its `xml`.
        spec: The typed fields of the document, or a copy of them with complete references.
        root: Root element of the kind's XML.
        rules: The rules of the kind.

    Raises:
        SpecError: The `xml` is not well-formed, belongs to another kind, has the name of another object,
            contradicts a field, or has an element that matches no entry of a list in the fields.
    """
    try:
        fields = write(spec, root, _literal(rules))
    except ValueError as error:
        raise _error(
            document, f"has a part whose xml is not well-formed: {error}", "correct the XML"
        ) from None
    # Not by overlay, which would lose the marks of elements that must be absent.
    fields = replace(fields, children=(make("name", text=document.name), *fields.children))
    if document.spec.xml is None:
        return fields
    fragment = _parse_fragment(document, document.spec.xml, root)
    literal = _literal(rules)
    lacking = tuple(find_unmatched(spec, fields, fragment, literal))
    if lacking:
        raise SpecError(
            [problem for each in lacking for problem in _unmatched_element(document, each, rules).problems]
        )
    merged = overlay(fields, fragment, literal)
    if overridden := tuple(_overridden(fields, merged, literal)):
        raise SpecError(
            [problem for path in overridden for problem in _contradiction(document, path).problems]
        )
    return merged


def _parse_fragment(document: Document, xml: str, root: str) -> Node:
    try:
        fragment = parse(xml)
    except ValueError:
        raise _error(document, "is not well-formed XML", "correct it") from None
    if fragment.tag != root:
        raise _error(document, f"has the root <{fragment.tag}>", f"write it as <{root}>…</{root}>")
    name = fragment.get("name")
    if name is not None and name != document.name:
        todo = "remove <name>, or set both to the same name"
        raise _error(document, f'has the <name> "{name}", but metadata.name is "{document.name}"', todo)
    return fragment


def _overridden(fields: Node, merged: Node, rules: Rules) -> Iterator[str]:
    """Yield the paths of values for which the `xml` and the fields differ."""
    for change in diff(fields, merged, rules):
        is_value = isinstance(change.old, str) and isinstance(change.new, str)
        if is_value and not change.path.endswith("/@unit"):
            yield change.path


def _contradiction(document: Document, path: str) -> SpecError:
    what = f"sets {path} to a different value than the fields of the spec"
    # The place of an attribute is the place of its element.
    element = "" if "[" in path else path.partition("@")[0].rstrip("/")
    return _error(document, what, "remove one of the two values", element)


def _unmatched_element(document: Document, found: Unmatched, rules: Rules) -> SpecError:
    path = re.sub(r"\[\d+\]", "", found.place)
    name = next(labels(found.element, rules.members.get(path)), "")
    which = f"<{found.element.tag}>" + (f' "{name}"' if name else "")
    what = f'configures the {which}, which is not in "{found.field}"'
    todo = f'write it as an entry of "{found.field}", or in the "xml" of the entry to which it belongs'
    return _error(document, what, todo, found.place)


def _literal(rules: Rules) -> Rules:
    """Return the rules without additions, resets and ignored paths, so that a merge changes nothing else."""
    return replace(
        for_policy(rules, plain=True, shared=True, ignored=()), ignored=paths(), resets=Rules().resets
    )


def _error(document: Document, what: str, todo: str, place: str = "") -> SpecError:
    """
    Return an error about the `xml` of a document.

    Args:
        place: XPath of the element that the error is about; "" for the whole fragment.
    """
    inside = f":{place}" if place else ""
    where = f"{document.source}: {document.kind}/{document.name}: spec.xml{inside}"
    return SpecError([Problem(where, what, todo)])


def make_desired(document: Document, key: Key, tree: Node, uuid: str) -> Desired:
    """Return the desired object of a document, with the values of the fields that all kinds have."""
    spec = document.spec
    return Desired(
        key=key,
        tree=tree,
        creation=Creation(uuid, plain=spec.defaults == "libvirt"),
        policy=make_policy(spec),
        source=document.source,
        labels=tuple(sorted(document.labels.items())),
    )


def make_policy(spec: ObjectSpec) -> Policy:
    """Return the policy for changes of an object: when they are made, and what needs approval."""
    return Policy(
        max_effect=effect(spec.update.max_effect),
        windows=tuple(w.window for w in spec.update.windows),
        outside=None if spec.update.outside == "nothing" else effect(spec.update.outside),
        waits_when_off=spec.update.when_off == "wait",
        adopt=spec.adopt,
        apply=Apply(spec.apply),
        protect=spec.protect,
        ignore=tuple(spec.ignore),
        check_schema=spec.check_schema,
        secrets=tuple(spec.secret),
    )
