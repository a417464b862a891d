"""Documents are placed on hosts by name and by labels; a host skips those of others, and their problems."""

from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.model.placement import LocalHost, Placement
from kvmreconcile.session.kinds import document_kinds
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded

ALL_KINDS = document_kinds({kind.name: kind for kind in KINDS})
KVM1 = LocalHost("kvm1", {"rack": "a", "tier": "prod"})


def document(kind: str, metadata: str, spec: str) -> str:
    return f"apiVersion: kvmreconcile/v1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {spec}\n"


def guest(placement: str = "", name: str = "web") -> str:
    return document("Domain", f"name: {name}{', ' if placement else ''}{placement}", "{memory: 1GiB}")


def network(placement: str = "", name: str = "lan") -> str:
    return document("Network", f"name: {name}{', ' if placement else ''}{placement}", "{}")


def loaded(directory: Path, host: LocalHost | None = KVM1, **files: str) -> Loaded:
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)
    return load([directory], ALL_KINDS, "test", host=host)


def problems(result: Loaded, directory: Path) -> list[str]:
    return [str(problem).replace(f"{directory}/", "") for problem in result.problems]


@pytest.mark.parametrize(
    ("placement", "is_here"),
    [
        (Placement(("kvm1",)), True),
        (Placement(("kvm2",)), False),
        (Placement(("kvm2", "kvm1")), True),
        (Placement(("kvm*",)), True),
        (Placement(("kvm[2-9]",)), False),
        (Placement(("KVM1",)), False),
        (Placement(selector=(("rack", "a"),)), True),
        (Placement(selector=(("rack", "a"), ("tier", "test"))), False),
        (Placement(selector=(("gpu", "yes"),)), False),
        (Placement(("kvm*",), (("rack", "b"),)), False),
    ],
)
def test_placement_includes_hosts_that_match_name_and_labels(placement: Placement, *, is_here: bool) -> None:
    assert placement.includes(KVM1) is is_here


def test_documents_for_other_hosts_are_skipped_and_listed(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        a=guest("hosts: [kvm1]"),
        b=guest("hosts: [kvm2]", "db"),
        c=network("hostSelector: {rack: b}"),
        d=network("hostSelector: {rack: a}", "side"),
        e=network(name="everywhere"),
    )

    assert [str(key) for key in result.desired] == ["Domain/web", "Network/side", "Network/everywhere"]
    assert {str(key): where for key, where in result.elsewhere.items()} == {
        "Domain/db": "kvm2",
        "Network/lan": "hosts with rack=b",
    }
    assert (result.problems, result.complete) == ((), True)


def test_problem_in_a_document_for_another_host_is_reported_there_only(tmp_path: Path) -> None:
    text = guest("hosts: [kvm2]", "db").replace("memory", "memry")

    here, there = loaded(tmp_path, a=guest(), b=text), loaded(tmp_path, LocalHost("kvm2"))

    assert (here.problems, here.frozen, here.complete) == ((), frozenset(), True)
    assert here.elsewhere == {Key("Domain", "db"): "kvm2"}
    assert there.frozen == {Key("Domain", "db")}


def test_without_a_host_all_documents_are_read(tmp_path: Path) -> None:
    result = loaded(tmp_path, None, a=guest("hosts: [kvm1]"), b=guest("hosts: [kvm2]", "db"))

    assert [key.name for key in result.desired] == ["web", "db"]
    assert dict(result.elsewhere) == {}


@pytest.mark.parametrize(
    ("placement", "column", "where"),
    [
        ("hosts: [kvm1, kvm2]", 30, "kvm1, kvm2"),
        ("hosts: ['kvm*']", 30, "kvm*"),
        ("hostSelector: {rack: a}", 37, "hosts with rack=a"),
    ],
)
@pytest.mark.parametrize("host", [KVM1, None])
def test_domain_that_several_hosts_may_match_is_a_problem(
    placement: str, column: int, where: str, host: LocalHost | None, tmp_path: Path
) -> None:
    result = loaded(tmp_path, host, a=guest(placement))

    what = f"a Domain runs on one host, and its placement ({where}) can match several"
    todo = "give metadata.hosts the name of one host, without a pattern"
    assert problems(result, tmp_path) == [f"a.yaml:3:{column}: Domain/web: {what}; {todo}"]
    assert result.frozen == {Key("Domain", "web")}


def test_domain_that_two_documents_place_on_two_hosts_is_a_problem(tmp_path: Path) -> None:
    result = loaded(tmp_path, a=guest("hosts: [kvm1]"), b=guest("hosts: [kvm2]"))

    assert problems(result, tmp_path) == [
        "a.yaml:1:1: Domain/web is also defined for kvm2, at b.yaml:1:1; remove or rename one of the two"
    ]
    assert result.frozen == {Key("Domain", "web")}


def test_network_may_have_a_document_for_each_host(tmp_path: Path) -> None:
    result = loaded(tmp_path, a=network("hosts: [kvm1]"), b=network("hosts: [kvm2]"))

    assert (result.problems, [str(key) for key in result.desired]) == ((), ["Network/lan"])
    assert dict(result.elsewhere) == {}


def test_objects_of_a_set_are_placed_with_the_set(tmp_path: Path) -> None:
    text = document(
        "DomainSet", "name: web, hosts: [kvm2]", "{replicas: 2, template: {spec: {memory: 1GiB}}}"
    )

    here, there = loaded(tmp_path, a=text, b=network()), loaded(tmp_path, LocalHost("kvm2"))

    assert {str(key) for key in here.elsewhere} == {"DomainSet/web", "Domain/web-0", "Domain/web-1"}
    assert [desired.placed for key, desired in there.desired.items() if key.kind == "Domain"] == [True, True]


def test_without_a_host_one_network_may_have_a_document_for_each_host(tmp_path: Path) -> None:
    result = loaded(tmp_path, None, a=network("hosts: [kvm1]"), b=network("hosts: [kvm2]"))
    same = loaded(tmp_path, None, b=network("hosts: [kvm1]"))
    guests = loaded(tmp_path, None, a=guest("hosts: [kvm1]"), b=guest("hosts: [kvm2]"))

    assert (result.problems, [str(key) for key in result.desired]) == ((), ["Network/lan"])
    assert len(same.problems) == len(guests.problems) == 2
