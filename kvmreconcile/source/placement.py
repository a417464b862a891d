"""Read on which hosts the object of a document is to be."""

from collections.abc import Iterator, Mapping

from kvmreconcile.model.located import LocatedValue, MappingEntry, find_value
from kvmreconcile.model.placement import Placement
from kvmreconcile.source.problem import LocatedProblem


def read_placement(item: LocatedValue) -> Placement | None:
    """Return the placement of a document, None if it has none or an invalid one."""
    hosts, selector = find_value(item, "metadata", "hosts"), find_value(item, "metadata", "hostSelector")
    names = tuple(each.value for each in _each(hosts) if isinstance(each.value, str))
    labels = tuple((name, entry.item.value) for name, entry in _entries(selector).items())
    texts = tuple((name, value) for name, value in labels if isinstance(value, str))
    if not (names or texts) or len(names) != len(_each(hosts)) or len(texts) != len(labels):
        return None
    return Placement(names, texts)


def check_one_host(item: LocatedValue, kind: str) -> Iterator[LocatedProblem]:
    """Yield the problem of a document whose object must not be on several hosts, if its placement allows that."""
    placement = read_placement(item)
    if placement is None or placement.is_single:
        return
    place = find_value(item, "metadata", "hosts") or find_value(item, "metadata", "hostSelector") or item
    what = f"a {kind} runs on one host, and its placement ({placement}) can match several"
    yield LocatedProblem(place.source, what, "give metadata.hosts the name of one host, without a pattern")


def _each(item: LocatedValue | None) -> tuple[LocatedValue, ...]:
    return item.value if item and isinstance(item.value, tuple) else ()


def _entries(item: LocatedValue | None) -> Mapping[str, MappingEntry]:
    return item.value if item and isinstance(item.value, Mapping) else {}
