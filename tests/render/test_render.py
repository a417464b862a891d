import html
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmreconcile.model import Action, Held, Hold, Key, Plan, Reason
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.render import Palette, render_json, render_markdown, render_text
from kvmreconcile.render.values import holds_secret
from kvmreconcile.tree import Change, Effect, Node, make, parse
from tests.plan.rendering import RULES, approval, read_plan

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests/cases/render").iterdir())
RENDERERS: dict[str, Callable[..., str]] = {
    "plan.txt": render_text,
    "plan.json": render_json,
    "plan.md": render_markdown,
}
SCHEMA = json.loads((ROOT / "docs/plan.schema.json").read_text())


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rendered_plan_matches_the_golden_file(case: Path, name: str, *, regenerate: bool) -> None:
    golden = case / name
    plan = read_plan(case / "case.yaml")
    text = RENDERERS[name](plan, RULES, approve=approval(plan))
    if regenerate:
        golden.write_text(text)

    assert text == golden.read_text()


@pytest.mark.case("13a")
@pytest.mark.case("13b")
@pytest.mark.parametrize("name", RENDERERS)
def test_planned_and_held_removals_are_rendered_with_effect_and_notes(name: str) -> None:
    plan = read_plan(ROOT / "tests/cases/render/removals/case.yaml")
    text = html.unescape(RENDERERS[name](plan, RULES))

    assert "data-loss" in text
    assert "/srv/images/data is deleted: 10GiB, 3GiB of it written" in text
    assert "it is asked to shut down for up to 60 s" in text
    assert "disks that are kept: root (Volume/default/web1-root)" in text


@pytest.mark.parametrize("name", RENDERERS)
def test_no_renderer_shows_a_secret(name: str) -> None:
    case = ROOT / "tests/cases/render/secrets/case.yaml"
    text = RENDERERS[name](read_plan(case), RULES)

    assert case.read_text().count("hunter") > 10
    assert "hunter" not in text
    assert text.count("(secret)") >= 8


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_json_conforms_to_the_schema(case: Path) -> None:
    plan = read_plan(case / "case.yaml")
    document = json.loads(render_json(plan, RULES, approval(plan)))

    jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_schema_rejects_an_unknown_field() -> None:
    document = json.loads(render_json(Plan(), {}))

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"extra": 1}, SCHEMA)


TEXT = st.text(st.characters(codec="utf-8"), min_size=1)


def _hostile(text: str) -> Plan:
    old, new = make("x", {"a": text}, text, (Node("y", (("c", text),), text),)), make("x", {"b": text})
    changes = (Change((text,), "", text, new), Change(("devices", text), "devices/x", old, text))
    return Plan((Action(Key("Domain", text), verb_of(text), Effect.LIVE, Reason.EDIT, changes),), digest=text)


@given(TEXT)
def test_control_characters_in_values_are_escaped(text: str) -> None:
    rendered = render_text(_hostile(text), RULES) + render_markdown(_hostile(text), RULES)

    assert {unicodedata.category(c) for c in rendered if c != "\n"} & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()
    assert render_json(_hostile(text), RULES).isascii()


@given(TEXT)
def test_line_breaks_in_values_are_escaped(text: str) -> None:
    assert render_text(_hostile(text), RULES).count("\n") == render_text(_hostile("x"), RULES).count("\n")
    assert render_markdown(_hostile(text), RULES).count("\n") == render_markdown(_hostile("x"), RULES).count(
        "\n"
    )


def test_colour_adds_only_escape_sequences() -> None:
    plan = read_plan(ROOT / "tests/cases/render/edit-and-drift/case.yaml")
    painted = render_text(plan, RULES, Palette.ANSI)
    plain = painted
    for code in ("0", "1", "2", "31", "32", "33", "35", "36"):
        plain = plain.replace(f"\x1b[{code}m", "")

    assert painted != plain
    assert plain == render_text(plan, RULES)


SECRETS = RULES["Domain"]


@pytest.mark.parametrize(
    "xml",
    [
        "<domain><description>x</description></domain>",
        "<domain><devices><graphics passwd='x'/></devices></domain>",
        "<domain><sysinfo><oemStrings><entry/></oemStrings></sysinfo></domain>",
    ],
)
def test_secret_is_found_anywhere_in_a_definition(xml: str) -> None:
    assert holds_secret(parse(xml), "", SECRETS)


def test_definition_without_a_secret_is_recognised() -> None:
    assert not holds_secret(parse("<domain><devices><graphics port='1'/></devices></domain>"), "", SECRETS)


def sized(old: str, new: str, verb: str = "set-memory", tree: Node | None = None) -> str:
    """Return the line of a plan in which a memory's size changes."""
    change = Change(("memory",), "memory", old, new)
    action = Action(Key("Domain", "web"), verb_of(verb), Effect.LIVE, Reason.EDIT, (change,), tree=tree)
    return render_text(Plan((action,)), RULES).splitlines()[1].strip()


@pytest.mark.case("52")
def test_sizes_of_a_change_are_shown_in_the_same_unit() -> None:
    definition = parse("<domain><memory unit='KiB'>2560000</memory></domain>")

    assert sized("2097152", "2560000", "define", definition) == "~ memory  2048MiB → 2500MiB  (live, edit)"
    assert sized("2097152", "4194304") == "~ memory  2GiB → 4GiB  (live, edit)"


@pytest.mark.case("52")
def test_json_sizes_are_in_bytes() -> None:
    change = Change(("memory",), "memory", "2097152", "4194304")
    title = Change(("title",), "title", None, "4")
    action = Action(Key("Domain", "web"), verb_of("set-memory"), Effect.LIVE, Reason.EDIT, (change, title))

    changes = json.loads(render_json(Plan((action,)), RULES))["actions"][0]["changes"]

    assert (changes[0]["oldBytes"], changes[0]["newBytes"]) == (2 << 30, 4 << 30)
    assert "newBytes" not in changes[1]


@pytest.mark.case("52")
def test_held_restart_is_rendered_once() -> None:
    key, change = Key("Domain", "web"), Change(("memory",), "memory", "2097152", "4194304")
    held = Held(Action(key, verb_of("restart"), Effect.RESTART, Reason.EDIT, (change,)), Hold.WINDOW)
    plan = Plan(held=(held,), pending={key: (change,)})

    text = render_text(plan, RULES)

    assert text.count("2GiB → 4GiB") == 1
    assert "1 held." in text
    assert "pending until the next start" not in text
