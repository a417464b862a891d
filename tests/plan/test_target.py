"""The first line of a plan, and its field in JSON."""

import html
import json

import pytest

from kvmreconcile.model import Plan, Root, SpecSource
from kvmreconcile.render import Palette, Target, render_json, render_markdown, render_text

pytestmark = pytest.mark.case("48")

URI = "qemu:///system"
FILES = Target(
    "kvm1", URI, "lab", SpecSource(tuple(Root(f"/s/{n}.yaml") for n in ("a", "b\n", "c", "d", "e")))
)
PART = Target(
    "kvm1", URI, "lab", SpecSource((Root("hosts/a", "https://h/specs.git"),)), "main", "0123456789abcdef"
)
WHOLE = Target("kvm1", URI, "lab", SpecSource((Root("", "https://h/specs.git"),)), "v1", "0123456789abcdef")


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (FILES, "/s/a.yaml, /s/b\\n.yaml, /s/c.yaml and 2 more"),
        (Target("kvm1", URI, "lab", SpecSource((Root("/s"),))), "/s"),
        (PART, "https://h/specs.git (directory hosts/a, main, 0123456789ab)"),
        (WHOLE, "https://h/specs.git (v1, 0123456789ab)"),
    ],
)
def test_output_starts_with_a_line_about_the_target(target: Target, place: str) -> None:
    line = f"Host kvm1 ({URI}), instance lab, specs from {place}"

    assert render_text(Plan(), {}, Palette.PLAIN, target=target) == f"{line}\n\nNothing to do: no objects.\n"
    first, _, rest = html.unescape(render_markdown(Plan(), {}, target=target)).partition("\n\n")
    assert (first, rest) == (line, "**kvmreconcile:** nothing to do; no objects.\n")


@pytest.mark.parametrize(
    ("target", "source"),
    [
        (FILES, {"paths": ["/s/a.yaml", "/s/b\n.yaml", "/s/c.yaml", "/s/d.yaml", "/s/e.yaml"]}),
        (
            PART,
            {
                "url": "https://h/specs.git",
                "directory": "hosts/a",
                "ref": "main",
                "commit": "0123456789abcdef",
            },
        ),
    ],
)
def test_json_contains_all_fields_of_the_target(target: Target, source: dict[str, object]) -> None:
    document = json.loads(render_json(Plan(), {}, target=target))

    assert document["target"] == {"host": "kvm1", "uri": URI, "instance": "lab", "source": source}
