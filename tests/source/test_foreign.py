"""Test that files of other programs among specs are recognised, and specs with typos are not mistaken for them."""

import time
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.source.distance import distance
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded

pytestmark = pytest.mark.case("46")

BY_NAME = {kind.name: kind for kind in KINDS}
NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec: {}\n"

KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [n.yaml]\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {}\n"
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {}\n"
SOPS = "data: ENC[AES256_GCM,data:x]\nsops:\n  mac: ENC[x]\n  version: 3.9.0\n"

FOREIGN = {
    ("kustomization.yaml", KUSTOMIZATION): "a Kustomization",
    ("kustomization.yml", "resources: [a.yaml]\nnamePrefix: x-\n"): "a Kustomization",
    ("compose.yaml", "services:\n  web: {image: nginx}\nvolumes: {data: {}}\nx-more: 1\n"): "a Docker Compose file",
    ("stack.yml", "version: '3'\nservices:\n  web: {build: .}\n"): "a Docker Compose file",
    ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"): "a Helm chart",
    ("chart/values.yaml", "replicas: 2\nimage: {tag: x}\n"): "the values of a Helm chart",
    ("chart/values-test.yaml", "replicas: 2\n"): "the values of a Helm chart",
    ("chart/templates/a.yaml", "kind: {{ .Values.kind }}\nmetadata:\n  {{- toYaml . }}\n"): "a template of a Helm chart",
    ("session.yml", "- hosts: all\n  roles: [web]\n- import_playbook: b.yml\n"): "an Ansible file",
    ("main.yml", "- name: install\n  ansible.builtin.apt: {name: qemu}\n- name: copy\n  copy: {}\n"): "an Ansible file",
    ("hosts.yml", "all:\n  hosts: {a: }\nweb:\n  children: {b: {}}\n"): "an Ansible file",
    ("group_vars/all.yml", "domain: example.org\n"): "an Ansible file",
    ("requirements.yml", "collections: [community.libvirt]\n"): "an Ansible file",
    ("meta.yml", "galaxy_info: {author: a}\n"): "an Ansible file",
    ("vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n616263\n"): "an Ansible vault",
    ("secret.yaml", SOPS): "a file encrypted by SOPS",
    ("user-data.yaml", "#cloud-config\npackages: [vim]\n"): "a cloud-init configuration",
    ("pod.yaml", POD): "objects of another program (Pod of v1)",
    ("all.yaml", f"{POD}---\n{DEPLOYMENT}---\n{POD}"): "objects of another program (Pod of v1, Deployment of apps/v1)",
}  # fmt: skip

WRONG = {
    "group is misspelt": NETWORK.replace("kvmreconcile/v1", "kvmreconsile/v1"),
    "group has two letters too few": NETWORK.replace("kvmreconcile/v1", "kvmrecncle/v1").replace("Network", "VM"),
    "letters are swapped twice": NETWORK.replace("kvmreconcile/v1", "vkmrecnocile/v1").replace("Network", "VM"),
    "group is in upper case": NETWORK.replace("kvmreconcile/v1", "KVMReconcile/v1").replace("Network", "VM"),
    "version is missing": NETWORK.replace("kvmreconcile/v1", "kvmreconcile").replace("Network", "VM"),
    "version is not after a slash": NETWORK.replace("kvmreconcile/v1", "kvmreconcile-v1").replace("Network", "VM"),
    "version is another": NETWORK.replace("kvmreconcile/v1", "kvmreconcile/v9").replace("Network", "Guest"),
    "group is missing": NETWORK.replace("kvmreconcile/v1", "v1"),
    "group is another program's": NETWORK.replace("kvmreconcile/v1", "libvirt.org/v1"),
    "kind is misspelt": NETWORK.replace("kvmreconcile/v1", "v1").replace("Network", "Netwrok"),
    "kind is in lower case": NETWORK.replace("kvmreconcile/v1", "v1").replace("Network", "network"),
    "kind is missing": NETWORK.replace("kvmreconcile/v1", "apps/v1").replace("kind: Network\n", ""),
    "apiVersion is missing": "kind: Guest\nmetadata: {name: lan}\nspec: {}\n",
    "field is misspelt": NETWORK.replace("apiVersion", "apiversion").replace("kind", "kidn"),
    "a list of specs": "- {apiVersion: kvmreconcile/v1, kind: Network}\n",
    "a text": "hello\n",
    "unknown fields": "colour: red\n",
    "an encrypted spec whose kind can be read": f"{NETWORK.replace('{}', '{a: ENC[x]}')}sops: {{mac: x, version: 3}}\n",
    "one of several is ours": f"{POD}---\n{NETWORK.replace('{}', '{mtu: 1}')}",
    "one of several is anything": f"{POD}---\ncolour: red\n",
    "one of several is broken": f"{POD}---\na: [\n",
}  # fmt: skip


def load_tree(directory: Path) -> Loaded:
    return load([directory], BY_NAME, "test")


def write(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(("file", "called"), FOREIGN.items(), ids=[name for name, _ in FOREIGN])
def test_file_of_another_program_causes_a_warning_only(
    tmp_path: Path, file: tuple[str, str], called: str
) -> None:
    write(tmp_path, "lan.yaml", NETWORK)
    write(tmp_path, *file)

    loaded = load_tree(tmp_path)

    assert (loaded.problems, loaded.complete, list(loaded.desired)) == ((), True, [Key("Network", "lan")])
    assert [str(note).replace(f"{tmp_path}/", "") for note in loaded.coverage.notes] == [
        f"{file[0]}: looks like {called} and was skipped; move the file out of the directory of specs, or list it in .kvmreconcileignore there; if the file was named explicitly, name another file"
    ]


@pytest.mark.parametrize("name", ["a.yaml", "values.yaml", "kustomization.yaml", "group_vars/all.yml"])
@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_spec_with_a_typo_is_an_error(tmp_path: Path, text: str, name: str) -> None:
    if name == "group_vars/all.yml" or "values" in name:
        text = text.replace("colour: red", "metadate: {}")
    write(tmp_path, "lan.yaml", NETWORK.replace("lan", "other"))
    write(tmp_path, name, text)

    loaded = load_tree(tmp_path)

    assert loaded.problems
    assert loaded.coverage.notes == ()
    assert loaded.frozen or not loaded.complete


def test_message_names_a_limited_number_of_foreign_kinds(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "---\n".join(POD.replace("Pod", f"Pod{letter * 3}") for letter in "abcde"))

    (note,) = load_tree(tmp_path).coverage.notes

    assert "(Podaaa of v1, Podbbb of v1, Podccc of v1 and 2 more)" in note.what


def test_directory_with_only_files_of_other_programs_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "compose.yaml", "services:\n  web: {image: nginx}\n")

    loaded = load_tree(tmp_path)

    assert not loaded.complete
    (problem,) = loaded.problems
    assert "excluded: " in problem.what
    assert problem.what.endswith("compose.yaml looks like a Docker Compose file")


@pytest.mark.parametrize(
    ("one", "two", "edits"),
    [
        ("", "", 0),
        ("", "ab", 2),
        ("abc", "abc", 0),
        ("abc", "ac", 1),
        ("abc", "abxc", 1),
        ("abc", "axc", 1),
        ("abcd", "acbd", 1),
        ("abcd", "badc", 2),
        ("kvmreconcile", "kvmreconcile.io", 3),
        ("abc", "xyz", 3),
        ("abc", "abcdefgh", 3),
    ],
)
def test_edit_distance_between_words_is_counted(one: str, two: str, edits: int) -> None:
    assert (distance(one, two, 2), distance(two, one, 2)) == (edits, edits)


def test_unclosed_placeholders_are_found_in_linear_time(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.yaml").write_text(f'note: "{"{" * 900_000}"\n')
    began_s = time.process_time()

    loaded = load([tmp_path], BY_NAME, "default")

    # A search in quadratic time takes half an hour.
    assert time.process_time() - began_s < 60
    assert loaded.problems
