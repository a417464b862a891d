"""
Recognize YAML files of other programs in a directory of specs.

A file is recognized only if it certainly belongs to another program. Any other file may be a spec
with a typo and is read as a spec.
"""

import re
from collections.abc import Collection
from pathlib import PurePath

from kvmreconcile.model.located import LocatedValue, find_value
from kvmreconcile.source.decoding import Chunk, chunks
from kvmreconcile.source.distance import is_similar
from kvmreconcile.source.envelope import API_VERSION
from kvmreconcile.source.foreign_forms import FORMS, CandidateFile
from kvmreconcile.source.problem import printable
from kvmreconcile.source.yaml import parse_yaml

_OUR_GROUP = API_VERSION.partition("/")[0]
_NAMED = 3
"""Maximum number of object types that a message names."""
_VERSION = re.compile(r"(?:^|[-_.:])v\d\w*$")
_FIELD = re.compile(r"^(apiVersion|kind)[ \t]*:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)


def identify_foreign(text: str, path: str, kinds: Collection[str]) -> str:
    """
    Return the format of another program's file, or "" if the file may be intended as a spec.

    Args:
        text: The text of a file that is not a valid spec.
        kinds: The names of all kinds.
    """
    if any(_is_ours(word, value, kinds) for word, value in _FIELD.findall(text)):
        return ""
    file = CandidateFile(PurePath(path), text, [_value(chunk, path) for chunk in chunks(text)])
    form = next((form.name for form in FORMS if form.matches(file)), "")
    return form or _describe_other_groups(file, kinds)


def _describe_other_groups(file: CandidateFile, kinds: Collection[str]) -> str:
    """
    Describe a file that contains only objects of other API groups.

    Returns "" if a document of the file is not such an object.
    """
    found: dict[str, None] = {}
    for item in file.documents:
        api, kind = (_text(item, word) for word in ("apiVersion", "kind"))
        if not api or not kind or _is_ours("apiVersion", api, kinds) or _is_ours("kind", kind, kinds):
            return ""
        found[f"{printable(kind)} of {printable(api)}"] = None
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"objects of another program ({', '.join([*found][:_NAMED])}{more})"


def _is_ours(word: str, value: str, kinds: Collection[str]) -> bool:
    """
    Return whether a field's value may be intended as a value of kvmreconcile.

    Args:
        word: The field's name: "apiVersion" or "kind".
    """
    if word == "kind":
        return is_similar(value, kinds)
    group = value.rpartition("/")[0] if "/" in value else _VERSION.sub("", value)
    return is_similar(group, (_OUR_GROUP,))


def _value(chunk: Chunk, path: str) -> LocatedValue | None:
    reading = parse_yaml(chunk, path)
    return reading.item if reading.whole else None


def _text(item: LocatedValue | None, word: str) -> str:
    found = find_value(item, word) if item else None
    return found.value if found is not None and isinstance(found.value, str) else ""
