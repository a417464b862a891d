"""Documents that generate others are expanded again only when a fact that they read, or the time, requires it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.expander import Expander, Expansion, Facts, LocatedValue, OwnerDocument, Spec, Stage
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Capacity, Fact, Key
from kvmreconcile.model.located import mapping
from kvmreconcile.source.load import Loader
from kvmreconcile.source.loaded import Loaded

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
OUTER = "apiVersion: kvmreconcile/v1\nkind: {}\nmetadata: {{name: all}}\nspec: {{}}\n"


class EmptySpec(Spec):
    """No fields."""


def document(kind: str, name: str, source: LocatedValue) -> LocatedValue:
    at = source.source
    return mapping(
        at,
        {
            "apiVersion": LocatedValue(at, "kvmreconcile/v1"),
            "kind": LocatedValue(at, kind),
            "metadata": mapping(at, {"name": LocatedValue(at, name)}),
            "spec": mapping(at, {}),
        },
    )


@dataclass
class Networks:
    """Expands to as many networks as the host has CPUs, until a time."""

    until: datetime | None = None
    calls: list[Facts] = field(default_factory=list)

    def __call__(self, owner: OwnerDocument, facts: Facts) -> Expansion:
        self.calls.append(facts)
        known = facts.capacity.value_at(facts.now) if facts.capacity else None
        names = [f"lan{n}" for n in range(known.cpus if known else 1)]
        return Expansion(tuple(document("Network", name, owner.item) for name in names), self.until)


def wrap(owner: OwnerDocument, _facts: Facts) -> Expansion:
    return Expansion((document("Networks", "inner", owner.item),))


def fails(_owner: OwnerDocument, _facts: Facts) -> Expansion:
    raise KeyError("password")


@dataclass
class Bench:
    """Loads one document repeatedly, with other facts."""

    directory: Path
    networks: Networks = field(default_factory=Networks)

    def loader(self, kind: str, outer: Stage = Stage.PLACEMENT) -> Loader:
        (self.directory / "all.yaml").write_text(OUTER.format(kind))
        expanders = (
            Expander("Networks", EmptySpec, self.networks, Stage.SET, frozenset({"capacity"})),
            Expander("Wrapped", EmptySpec, wrap, outer),
            Expander("Failing", EmptySpec, fails),
        )
        kinds: dict[str, Kind | Expander] = {kind.name: kind for kind in KINDS}
        return Loader(kinds | {each.name: each for each in expanders}, "test")

    def load(self, loader: Loader, cpus: int, at_s: float = 0.0) -> Loaded:
        now = NOW + timedelta(seconds=at_s)
        facts = Facts(
            now, capacity=Fact(Capacity(cpus, 1 << 30), now, 60.0), software=Fact("QEMU", now, 60.0)
        )
        return loader.load([self.directory], facts=facts)


def names(loaded: Loaded) -> list[str]:
    return [key.name for key in loaded.desired]


def test_only_the_facts_that_a_kind_reads_are_passed_and_lead_to_another_expansion(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    loader = bench.loader("Networks")

    found = [names(bench.load(loader, cpus, at_s)) for cpus, at_s in ((2, 0), (2, 30), (3, 40))]

    assert found == [["lan0", "lan1"], ["lan0", "lan1"], ["lan0", "lan1", "lan2"]]
    assert [(facts.capacity is None, facts.software) for facts in bench.networks.calls] == 2 * [(False, None)]
    assert bench.load(loader, 3).reads == {"capacity"}


def test_fact_that_is_too_old_is_unknown(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    loader = bench.loader("Networks")
    old = Facts(NOW, capacity=Fact(Capacity(4, 1 << 30), NOW - timedelta(seconds=61), 60.0))

    assert names(loader.load([tmp_path], facts=old)) == ["lan0"]


def test_document_is_expanded_again_at_the_time_that_it_names(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Networks(until=NOW + timedelta(seconds=60)))
    loader = bench.loader("Networks")

    first = bench.load(loader, 1)
    bench.load(loader, 1, 59)
    assert len(bench.networks.calls) == 1
    bench.load(loader, 1, 60)

    assert (first.until, len(bench.networks.calls)) == (NOW + timedelta(seconds=60), 2)


def test_facts_and_times_of_inner_documents_count_as_well(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Networks(until=NOW + timedelta(seconds=60)))
    loader = bench.loader("Wrapped")

    found = [bench.load(loader, cpus, at_s) for cpus, at_s in ((2, 0), (2, 1), (3, 2))]

    assert [names(each) for each in found] == [["lan0", "lan1"], ["lan0", "lan1"], ["lan0", "lan1", "lan2"]]
    assert all(each.until == NOW + timedelta(seconds=60) for each in found)
    assert all(each.reads == {"capacity"} for each in found)
    assert {each.owner for each in found[0].desired.values()} == {Key("Networks", "inner")}


def test_document_cannot_generate_documents_of_its_own_or_an_earlier_stage(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    loaded = bench.load(bench.loader("Wrapped", Stage.SET), 1)

    assert [problem.what for problem in loaded.problems] == [
        "Wrapped/all: Networks/inner: a Wrapped cannot generate a Networks"
    ]
    assert loaded.frozen == {Key("Wrapped", "all")}


def test_bug_in_an_expander_affects_its_document_only_and_reveals_no_value(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    loader = bench.loader("Failing")
    (tmp_path / "lan.yaml").write_text(OUTER.format("Network"))

    loaded = bench.load(loader, 1)

    assert names(loaded) == ["all"]
    assert [type(crash) for crash in loaded.crashes] == [KeyError]
    assert "password" not in str(loaded.problems)
    assert Key("Failing", "all") in loaded.frozen
