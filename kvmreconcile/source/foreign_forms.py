"""List the file formats of other programs, and how to recognize each format."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from kvmreconcile.model.located import LocatedValue
from kvmreconcile.source.distance import is_similar

_OUR_FIELDS = ("apiVersion", "kind", "metadata", "spec")


@dataclass(frozen=True, slots=True)
class CandidateFile:
    """
    A file that is not a valid spec and may belong to another program.

    Attributes:
        path: The file's path in messages.
        documents: The value of each document, or None for a document that is not valid YAML.
    """

    path: PurePath
    text: str
    documents: Sequence[LocatedValue | None]

    @property
    def mappings(self) -> list[Mapping[str, LocatedValue]]:
        """The fields of each document; empty unless every document is a mapping."""
        found = [fields_of(item) for item in self.documents]
        return [fields for fields in found if fields] if all(found) else []

    def has_fields(self, *words: str) -> bool:
        """Return whether every document is a mapping that has all of these fields."""
        return bool(self.mappings) and all(fields.keys() >= {*words} for fields in self.mappings)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KUSTOMIZATION = _words(
    "apiVersion kind metadata resources bases components patches patchesStrategicMerge patchesJson6902 "
    "configMapGenerator secretGenerator generators transformers validators namePrefix nameSuffix namespace "
    "commonLabels commonAnnotations labels images replicas vars replacements helmCharts helmGlobals crds "
    "configurations generatorOptions openapi buildMetadata sortOptions"
)
"""Source: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/"""
_COMPOSE = _words("services version name networks volumes configs secrets include models")
"""Source: https://docs.docker.com/reference/compose-file/"""
_PLAY = _words("hosts import_playbook ansible.builtin.import_playbook")
_TASK = _words(
    "block include_tasks import_tasks include_role import_role apt command copy debug dnf fail file get_url git "
    "group lineinfile package pip service set_fact shell stat systemd template uri user yum"
)
"""Keywords of a task, and modules that are usually named without their collection."""
_MODULE = re.compile(r"(?:ansible|community|containers|kubernetes)\.\w+\.\w+")
"""
Matches the full name of a module.

Source: https://docs.ansible.com/ansible/latest/collections/
"""
_GROUP = _words("hosts children vars")
_VARIABLES = _words("group_vars host_vars")
_REQUIREMENTS = _words("roles collections")
_CLOUD_CONFIG = re.compile(r"(?:## template: jinja\n)?#cloud-config[ \t]*\n")


def _is_kustomization(file: CandidateFile) -> bool:
    is_named_so = file.path.stem.lower() == "kustomization"
    return is_named_so and bool(file.mappings) and all(f.keys() <= _KUSTOMIZATION for f in file.mappings)


def _is_compose(file: CandidateFile) -> bool:
    for fields in file.mappings:
        services = fields_of(fields["services"]) if "services" in fields else None
        own = {word for word in fields if not word.startswith("x-")}
        if not services or not own <= _COMPOSE or not all(map(fields_of, services.values())):
            return False
    return bool(file.mappings)


def _is_chart(file: CandidateFile) -> bool:
    return file.path.stem == "Chart" and file.has_fields("apiVersion", "name", "version")


def _is_values(file: CandidateFile) -> bool:
    return re.fullmatch(r"values(?:[-_.].+)?", file.path.stem) is not None and _has_no_field_of_ours(file)


def _has_no_field_of_ours(file: CandidateFile) -> bool:
    words = {word for fields in file.mappings for word in fields}
    return bool(words) and not any(is_similar(word, _OUR_FIELDS) for word in words)


def _is_template(file: CandidateFile) -> bool:
    return "templates" in file.path.parts[:-1] and any(map(_has_placeholder, file.text.split("\n")))


def _has_placeholder(line: str) -> bool:
    # A regular expression would take quadratic time for many placeholders that are not closed.
    begin = line.find("{{")
    return begin >= 0 and line.find("}}", begin + 2) >= 0


def _is_ansible(file: CandidateFile) -> bool:
    entries = [_entries(item) for item in file.documents]
    if entries and all(entries):
        return all(_is_of_ansible(entry) for each in entries for entry in each)
    if _VARIABLES.intersection(file.path.parts[:-1]):
        return _has_no_field_of_ours(file)
    is_required = file.path.stem == "requirements" and all(f.keys() <= _REQUIREMENTS for f in file.mappings)
    is_inventory = all(_is_group(group) for fields in file.mappings for group in fields.values())
    return bool(file.mappings) and (is_required or is_inventory or file.has_fields("galaxy_info"))


def _is_group(item: LocatedValue) -> bool:
    """Return whether a value is a group of an Ansible inventory."""
    words = (fields_of(item) or {}).keys()
    return bool(words) and words <= _GROUP and not words <= {"vars"}


def _is_of_ansible(entry: LocatedValue) -> bool:
    """Return whether an entry of a list is an Ansible play or task."""
    words = (fields_of(entry) or {}).keys()
    return bool(words & (_PLAY | _TASK)) or any(map(_MODULE.fullmatch, words))


def _is_encrypted(file: CandidateFile) -> bool:
    if not file.has_fields("sops"):
        return False
    return all((fields_of(fields["sops"]) or {}).keys() >= {"mac", "version"} for fields in file.mappings)


def fields_of(item: LocatedValue | None) -> dict[str, LocatedValue] | None:
    """Return the fields of a mapping, or None if the value is not a mapping."""
    if item is None or not isinstance(item.value, Mapping):
        return None
    return {word: entry.item for word, entry in item.value.items()}


def _entries(item: LocatedValue | None) -> tuple[LocatedValue, ...]:
    """Return the entries of a list, or () if the value is not a list."""
    return item.value if item is not None and isinstance(item.value, tuple) else ()


@dataclass(frozen=True, slots=True)
class ForeignForm:
    """A file format of another program, and a function that recognizes it."""

    name: str
    matches: Callable[[CandidateFile], bool]


FORMS = (
    ForeignForm("a Kustomization", _is_kustomization),
    ForeignForm("a Docker Compose file", _is_compose),
    ForeignForm("a Helm chart", _is_chart),
    ForeignForm("the values of a Helm chart", _is_values),
    ForeignForm("a template of a Helm chart", _is_template),
    ForeignForm("an Ansible file", _is_ansible),
    ForeignForm("an Ansible vault", lambda file: file.text.startswith("$ANSIBLE_VAULT;")),
    ForeignForm("a file encrypted by SOPS", _is_encrypted),
    ForeignForm("a cloud-init configuration", lambda file: _CLOUD_CONFIG.match(file.text) is not None),
)
"""All formats; each is recognized by content that no spec has, even with typos."""
