"""A DomainSet generates its domains and their volumes; its problems are reported where they are in its document."""

from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.session.kinds import document_kinds
from kvmreconcile.source.load import Loader, load
from kvmreconcile.source.loaded import Loaded

ALL_KINDS = document_kinds({kind.name: kind for kind in KINDS})
SET = """\
apiVersion: kvmreconcile/v1
kind: DomainSet
metadata: {name: web}
spec:
  replicas: 2
  values: {memory: 1GiB, cpus: 2}
  members:
    "1": {memory: 2GiB}
  volumes:
    - name: "{name}-root"
      spec: {pool: default, capacity: 5GiB}
  template:
    metadata: {labels: {tier: web, number: "{ordinal}"}}
    spec:
      description: "{{name}} of {set}"
      memory: "{memory}"
      vcpus: "{cpus}"
      disks:
        - {name: root, volume: {pool: default, name: "{name}-root"}}
"""
GUEST = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {{name: {}}}\nspec: {{memory: 1GiB}}\n"
WEB0, WEB1 = Key("Domain", "web-0"), Key("Domain", "web-1")


def loaded(directory: Path, **files: str) -> Loaded:
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)
    return load([directory], ALL_KINDS, "test")


def problems(result: Loaded, directory: Path) -> list[str]:
    return [str(problem).replace(f"{directory}/", "") for problem in result.problems]


def test_set_generates_its_domains_and_their_volumes(tmp_path: Path) -> None:
    result = loaded(tmp_path, set=SET)

    assert result.problems == ()
    assert [str(key) for key in result.desired] == [
        "Volume/default/web-0-root",
        "Domain/web-0",
        "Volume/default/web-1-root",
        "Domain/web-1",
    ]
    assert {desired.owner for desired in result.desired.values()} == {Key("DomainSet", "web")}
    assert [owner.key for owner in result.owners] == [Key("DomainSet", "web")]


def test_placeholders_are_replaced_by_the_values_of_each_domain(tmp_path: Path) -> None:
    first, second = (loaded(tmp_path, set=SET).desired[key].tree for key in (WEB0, WEB1))

    assert (first.get("memory"), second.get("memory")) == ("1048576", "2097152")
    assert first.get("vcpu") == "2"
    assert first.get("description") == "{name} of web"
    assert second.get("devices/disk/source/@volume") == "web-1-root"


def test_domains_of_a_set_have_its_label_and_are_one_group(tmp_path: Path) -> None:
    desired = loaded(tmp_path, set=SET).desired[WEB1]

    assert desired.labels == (("domainSet", "web"), ("number", "1"), ("tier", "web"))
    assert desired.policy.group == "domainSet=web"


def test_group_of_the_template_takes_precedence(tmp_path: Path) -> None:
    text = SET.replace("      memory:", "      update: {group: tier, maxUnavailable: 2}\n      memory:")

    policy = loaded(tmp_path, set=text).desired[WEB0].policy

    assert (policy.group, policy.max_unavailable) == ("tier=web", 2)


def test_first_ordinal_can_be_chosen(tmp_path: Path) -> None:
    result = loaded(tmp_path, set=SET.replace("replicas: 2", "replicas: 2\n  start: 10"))

    assert Key("Domain", "web-10") in result.desired
    assert Key("Domain", "web-11") in result.desired


def test_set_without_replicas_is_valid_and_generates_nothing(tmp_path: Path) -> None:
    result = loaded(tmp_path, set=SET.replace("replicas: 2", "replicas: 0"))

    assert (dict(result.desired), result.problems, result.complete) == ({}, (), True)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'memory: "{memory}"',
            'memory: "{memry}"',
            (
                "set.yaml:16:15: DomainSet/web: there is no value for {memry}; available: {cpus}, {memory}, {name}, "
                "{ordinal}, {set}; for the text itself, write {{memry}}"
            ),
        ),
        (
            'vcpus: "{cpus}"',
            'vcpu: "{cpus}"',
            "set.yaml:17:7: DomainSet/web: Domain/web-0: unknown field 'vcpu' in spec; did you mean 'vcpus'?",
        ),
        (
            '"{name}-root"\n      spec',
            '"root"\n      spec',
            (
                'set.yaml:10:13: DomainSet/web: all domains of DomainSet/web would have the same volume "root"; add '
                '{name} or {ordinal}, such as "{name}-root"'
            ),
        ),
        (
            '"1": {memory: 2GiB}',
            '"1": {memroy: 2GiB}',
            (
                "set.yaml:8:19: DomainSet/web: spec.members.1: no template has the placeholder {memroy}; correct the "
                "name, or remove the value"
            ),
        ),
        (
            "replicas: 2",
            "replicas: two",
            (
                "set.yaml:5:13: DomainSet/web: spec.replicas should be a whole number, not text; write a whole number, "
                "without unit or quotes"
            ),
        ),
    ],
)
def test_problem_is_reported_once_at_its_place_in_the_set(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    assert old in SET

    result = loaded(tmp_path, set=SET.replace(old, new))

    assert problem in problems(result, tmp_path)
    assert len(result.problems) == 1
    assert Key("DomainSet", "web") in result.frozen
    assert dict(result.desired) == {}


def test_all_problems_of_a_set_are_reported_at_once(tmp_path: Path) -> None:
    text = (
        SET.replace("vcpus:", "vcpu:")
        .replace("capacity:", "capacty:")
        .replace("{memory: 2GiB}", "{cpus: many}")
    )

    result = loaded(tmp_path, set=text)

    assert [problem.split(" (")[0].split("; ")[0] for problem in problems(result, tmp_path)] == [
        "set.yaml:11:29: DomainSet/web: Volume/default/web-0-root: unknown field 'capacty' in spec",
        "set.yaml:17:7: DomainSet/web: Domain/web-0: unknown field 'vcpu' in spec",
    ]
    assert result.frozen >= {Key("Volume", "default/web-0-root"), WEB0, WEB1}


def test_problem_of_one_domain_only_is_reported_with_those_of_all(tmp_path: Path) -> None:
    text = SET.replace("{memory: 2GiB}", "{cpus: many}").replace("capacity:", "capacty:")

    result = loaded(tmp_path, set=text)

    assert [problem.split("; ")[0] for problem in problems(result, tmp_path)] == [
        "set.yaml:11:29: DomainSet/web: Volume/default/web-0-root: unknown field 'capacty' in spec",
        "set.yaml:17:14: DomainSet/web: Domain/web-1: spec.vcpus should be a whole number, not text",
    ]


def test_missing_values_of_different_domains_are_reported_at_once(tmp_path: Path) -> None:
    text = SET.replace("values: {memory: 1GiB, cpus: 2}", "values: {}").replace(
        '"1":', '"0": {cpus: 2}\n    "1":'
    )

    result = loaded(tmp_path, set=text)

    assert [problem.split("; ")[0] for problem in problems(result, tmp_path)] == [
        "set.yaml:17:15: DomainSet/web: there is no value for {memory}",
        "set.yaml:18:14: DomainSet/web: there is no value for {cpus}",
    ]


def test_domain_of_a_set_with_the_name_of_another_spec_is_a_problem_at_both_places(tmp_path: Path) -> None:
    result = loaded(tmp_path, set=SET, guest=GUEST.format("web-1"))

    assert problems(result, tmp_path) == [
        "guest.yaml:1:1: Domain/web-1 is also defined at set.yaml:13:5; remove or rename one of the two",
        "set.yaml:13:5: Domain/web-1 is also defined at guest.yaml:1:1; remove or rename one of the two",
    ]
    assert result.frozen == {WEB1}
    assert WEB0 in result.desired


def test_volume_of_two_sets_is_a_problem_at_both_places(tmp_path: Path) -> None:
    one = SET.replace("replicas: 2", "replicas: 1").replace("{name}-root", "root-{ordinal}")

    result = loaded(tmp_path, a=one, b=one.replace("{name: web}", "{name: db}"))

    what = "Volume/default/root-0 is also defined at"
    assert problems(result, tmp_path) == [
        f"a.yaml:10:13: {what} b.yaml:10:13; remove or rename one of the two",
        f"b.yaml:10:13: {what} a.yaml:10:13; remove or rename one of the two",
    ]


def test_set_that_is_defined_twice_is_a_problem_at_both_places(tmp_path: Path) -> None:
    result = loaded(tmp_path, a=SET, b=SET)

    assert [problem.what for problem in result.problems] == [
        f"DomainSet/web is also defined at {tmp_path}/{name}.yaml:1:1" for name in ("b", "a")
    ]
    assert dict(result.desired) == {}


def test_unchanged_set_is_not_expanded_again(tmp_path: Path) -> None:
    loader = Loader(ALL_KINDS, "test")
    (tmp_path / "set.yaml").write_text(SET)
    before = loader.load([tmp_path])
    (tmp_path / "guest.yaml").write_text(GUEST.format("db"))

    after = loader.load([tmp_path])

    assert all(after.desired[key] is desired for key, desired in before.desired.items())
    (tmp_path / "set.yaml").write_text(SET.replace("cpus: 2", "cpus: 3"))
    assert loader.load([tmp_path]).desired[WEB0].tree.get("vcpu") == "3"
