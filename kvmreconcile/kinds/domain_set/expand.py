"""Expand a set of domains to the documents of its domains and their volumes. Pure."""

from collections.abc import Iterator, Mapping
from typing import cast

from kvmreconcile.kinds.domain_set.placeholders import Substitution, placeholders
from kvmreconcile.kinds.domain_set.spec import DomainSetSpec
from kvmreconcile.kinds.expander import Expansion, ExpansionProblem, Facts, OwnerDocument
from kvmreconcile.model.located import LocatedValue, Plain, find_value, mapping, with_defaults, with_fields

LABEL = "domainSet"
"""The label of each domain with the name of its set; the domains of a set are one group for updates."""
_OWN = frozenset({"name", "ordinal"})


def expand(document: OwnerDocument, _facts: Facts) -> Expansion:
    """Return the documents of a set: those of each domain's volumes, then that of the domain, by ordinal."""
    spec = cast("DomainSetSpec", document.spec)
    shared = _find_shared_volumes(document)
    problems = {(problem.source, problem.what): problem for problem in shared}
    documents: list[LocatedValue] = []
    for ordinal in range(spec.start, spec.start + spec.replicas):
        member = Substitution(_values(document, spec, ordinal))
        documents += _documents(document, member)
        for problem in member.problems:
            problems.setdefault((problem.source, problem.what), problem)
    found = tuple(problems.values()) or tuple(_find_unused_values(document, spec))
    return Expansion(() if found else tuple(documents), problems=found)


def _values(document: OwnerDocument, spec: DomainSetSpec, ordinal: int) -> Mapping[str, Plain]:
    own = {"name": f"{document.name}-{ordinal}", "ordinal": str(ordinal), "set": document.name}
    return {**spec.values, **spec.members.get(str(ordinal), {}), **own}


def _documents(document: OwnerDocument, member: Substitution) -> Iterator[LocatedValue]:
    """Yield the documents of one domain and its volumes."""
    item = document.item
    for volume in _volumes(item):
        name, spec = find_value(volume, "name"), find_value(volume, "spec")
        if name and spec:
            yield _document(item, "Volume", {"name": member.apply(name)}, member.apply(spec))
    template, spec = find_value(item, "spec", "template"), find_value(item, "spec", "template", "spec")
    if template and spec:
        name = LocatedValue(template.source, member.values["name"])
        labels = _labels(template, member)
        yield _document(item, "Domain", {"name": name, "labels": labels}, _grouped(member.apply(spec)))


def _document(
    item: LocatedValue, kind: str, metadata: Mapping[str, LocatedValue], spec: LocatedValue
) -> LocatedValue:
    source = metadata["name"].source
    version = find_value(item, "apiVersion") or item
    fields = {
        "apiVersion": version,
        "kind": LocatedValue(source, kind),
        "metadata": mapping(source, metadata),
        "spec": spec,
    }
    return mapping(source, fields)


def _labels(template: LocatedValue, member: Substitution) -> LocatedValue:
    given = find_value(template, "metadata", "labels") or mapping(template.source, {})
    own = {LABEL: LocatedValue(template.source, member.values["set"])}
    return with_defaults(member.apply(given), own)


def _grouped(spec: LocatedValue) -> LocatedValue:
    """Return the spec of a domain with the set as its group for updates, unless it names another group."""
    update = find_value(spec, "update") or mapping(spec.source, {})
    return with_fields(spec, {"update": with_defaults(update, {"group": LocatedValue(update.source, LABEL)})})


def _volumes(item: LocatedValue) -> tuple[LocatedValue, ...]:
    volumes = find_value(item, "spec", "volumes")
    return volumes.value if volumes and isinstance(volumes.value, tuple) else ()


def _find_shared_volumes(document: OwnerDocument) -> Iterator[ExpansionProblem]:
    """Yield the volume templates whose name would be the same for all domains."""
    for volume in _volumes(document.item):
        name = find_value(volume, "name")
        if name and not _OWN & set(placeholders(name)):
            what = f'all domains of {document.key} would have the same volume "{name.value}"'
            yield ExpansionProblem(name.source, what, 'add {name} or {ordinal}, such as "{name}-root"')


def _find_unused_values(document: OwnerDocument, spec: DomainSetSpec) -> Iterator[ExpansionProblem]:
    """Yield the values of single domains that no placeholder uses, as after a typo."""
    used = set(placeholders(find_value(document.item, "spec") or document.item))
    members = find_value(document.item, "spec", "members")
    for ordinal, values in spec.members.items():
        for name in sorted(values.keys() - used):
            item = find_value(members, ordinal, name) if members else None
            what = f"spec.members.{ordinal}: no template has the placeholder {{{name}}}"
            yield ExpansionProblem(
                (item or document.item).source, what, "correct the name, or remove the value"
            )
