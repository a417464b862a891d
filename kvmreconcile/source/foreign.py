"""
Recognise YAML files that belong to other programs, so that they can lie among specs.

Only a file that is certainly of another program is recognised. Everything else may be a spec with a typing error, and
is read as one. Pure.
"""

import re
from collections.abc import Collection
from pathlib import PurePath

from kvmreconcile.source.decoding import Chunk, chunks
from kvmreconcile.source.distance import is_similar
from kvmreconcile.source.document import find
from kvmreconcile.source.envelope import API_VERSION
from kvmreconcile.source.foreign_forms import FORMS, File
from kvmreconcile.source.located import LocatedValue
from kvmreconcile.source.problem import shown
from kvmreconcile.source.yaml import read

_OUR_GROUP = API_VERSION.partition("/")[0]
_NAMED = 3
"""How many sorts of objects are named."""
_VERSION = re.compile(r"(?:^|[-_.:])v\d\w*$")
_FIELD = re.compile(r"^(apiVersion|kind)[ \t]*:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)


def identify_foreign(text: str, path: str, kinds: Collection[str]) -> str:
    """
    Return what a file that is not a valid spec is instead, "" if it may be meant as a spec.

    Args:
        kinds: The names of all kinds.
    """
    if any(_is_ours(word, value, kinds) for word, value in _FIELD.findall(text)):
        return ""
    file = File(PurePath(path), text, [_value(chunk, path) for chunk in chunks(text)])
    form = next((form.called for form in FORMS if form.fits(file)), "")
    return form or _other_group(file, kinds)


def _other_group(file: File, kinds: Collection[str]) -> str:
    """Return what objects of another API group a file holds, "" unless all of its documents are such."""
    found: dict[str, None] = {}
    for item in file.documents:
        api, kind = (_text(item, word) for word in ("apiVersion", "kind"))
        if not api or not kind or _is_ours("apiVersion", api, kinds) or _is_ours("kind", kind, kinds):
            return ""
        found[f"{shown(kind)} of {shown(api)}"] = None
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"objects of another program ({', '.join([*found][:_NAMED])}{more})"


def _is_ours(word: str, value: str, kinds: Collection[str]) -> bool:
    """Tell whether the value of a field, apiVersion or kind, may be meant as one of ours."""
    if word == "kind":
        return is_similar(value, kinds)
    group = value.rpartition("/")[0] if "/" in value else _VERSION.sub("", value)
    return is_similar(group, (_OUR_GROUP,))


def _value(chunk: Chunk, path: str) -> LocatedValue | None:
    reading = read(chunk, path)
    return reading.item if reading.whole else None


def _text(item: LocatedValue | None, word: str) -> str:
    found = find(item, word) if item else None
    return found.value if found is not None and isinstance(found.value, str) else ""
