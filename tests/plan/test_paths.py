"""Values at the secret paths of a spec are masked in all texts of a plan."""

from dataclasses import replace

import pytest

from kvmreconcile.model import Actual, Desired, Key, Plan, World
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.compare.digests import digest
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.plan.secrets.paths import still_secret, with_former_secrets
from kvmreconcile.plan.secrets.redact import redacted
from kvmreconcile.render import render_json, render_markdown, render_text
from kvmreconcile.tree import Rules, parse, paths
from tests.plan.worlds import BOOKS, held, planned, remembered, seen, wish, world

DOMAIN = BOOKS["Domain"]
WEB = Key("Domain", "web")
RULES = {name: book.rules for name, book in BOOKS.items()}
PLAIN = "<domain><title>{}</title><note a='{}'><in>{}</in></note></domain>"
OLD, NEW, BARE = (
    PLAIN.format("hunter1", "hunter1", "hunter1"),
    PLAIN.format("hunter2", "hunter2", "hunter2"),
    "",
)
NAMED = ("title", "note")


def secretive(xml: str, *named: str, former: tuple[str, ...] = ()) -> Desired:
    return wish("Domain/web", xml or "<domain/>", secrets=named, former_secrets=former)


def shown(made: Plan) -> str:
    return "".join(render(made, RULES) for render in (render_text, render_json, render_markdown))


def known(web: Desired, actual: Actual) -> World:
    """Return a world in which a spec was applied."""
    return world([web], [actual], [applied_after(web, actual, DOMAIN, "lab")])


def edited(before: World, web: Desired) -> World:
    """Return the same world, with another spec of the object."""
    return replace(before, desired=with_former_secrets({WEB: web}, before.applied))


def test_secret_value_is_masked_when_added_changed_and_removed() -> None:
    old, new, bare = secretive(OLD, *NAMED), secretive(NEW, *NAMED), secretive(BARE)
    there = known(old, seen(old))
    plans = [planned(world([old])), planned(edited(there, new)), planned(edited(there, bare))]

    assert all(plan.actions for plan in plans)
    assert all(SECRET in shown(plan) for plan in plans)
    assert not any("hunter" in shown(plan) for plan in plans)


def test_removal_masks_values_at_secret_paths_of_the_last_spec() -> None:
    old = secretive(OLD, *NAMED)
    made = planned(replace(known(old, seen(old)), desired={}))

    assert [a.verb.name for a in made.actions] + held(made)
    assert "hunter" not in shown(made)


def test_state_contains_secret_paths_but_no_values() -> None:
    old = secretive(OLD, *NAMED)
    applied = applied_after(old, seen(old), DOMAIN, "lab")

    assert applied.secrets == NAMED
    assert applied.tree.get("note/@a") == applied.tree.get("note/in") == SECRET
    assert "hunter" not in repr(applied)


def test_digest_changes_with_a_secret_path_but_not_with_its_value() -> None:
    plain, old, new = secretive(OLD), secretive(OLD, *NAMED), secretive(NEW, *NAMED)

    assert digest(plain, DOMAIN.rules) != digest(old, DOMAIN.rules) == digest(new, DOMAIN.rules)


@pytest.mark.parametrize(
    ("stored", "live", "said", "left"),
    [
        pytest.param(NEW, None, NEW, (), id="the spec says it in plain view"),
        pytest.param(OLD, None, NEW, NAMED, id="the old value is stored"),
        pytest.param(NEW, OLD, NEW, NAMED, id="the old value is in force"),
        pytest.param(NEW, NEW, NEW, (), id="the new one is in force"),
        pytest.param("<domain/>", "<domain/>", "<domain/>", (), id="it is gone"),
    ],
)
def test_secret_path_is_kept_while_a_definition_differs_from_the_spec(
    stored: str, live: str | None, said: str, left: tuple[str, ...]
) -> None:
    web = secretive(said, former=NAMED)

    assert still_secret(web, seen(web, stored, live), DOMAIN.rules) == left


def test_secret_path_is_removed_when_no_definition_has_the_old_value() -> None:
    old, new = secretive(OLD, *NAMED), secretive(NEW)
    waiting = edited(known(old, seen(old)), new)
    running = replace(seen(new, NEW, OLD), runtime_id=1)
    applied = applied_after(waiting.desired[WEB], running, DOMAIN, "lab")
    after = replace(
        world([new], [seen(new)], [applied]), desired=with_former_secrets({WEB: new}, {WEB: applied})
    )

    made = planned(after)

    assert applied.secrets == NAMED
    assert made.records == (WEB,)
    assert applied_after(after.desired[WEB], seen(new), DOMAIN, "lab").secrets == ()


def test_object_without_secret_paths_is_unchanged() -> None:
    web = wish("Domain/web", "<domain/>")
    wanted = {WEB: web}

    assert with_former_secrets(wanted, {WEB: remembered(web)}) is wanted


def test_reason_of_a_hold_masks_values_at_secret_paths() -> None:
    web = wish("Domain/web", "<domain small='1' place='/srv/hunter1'/>", secrets=("@place",))
    there = seen(web, "<domain place='lost'/>")
    made = planned(world([web], [there], [remembered(web)]))

    assert [(h.hold.name, h.detail) for h in made.held if h.hold.name == "STRAYED"] == [
        (
            "STRAYED",
            f"it uses {SECRET}, whose backing chain does not contain {SECRET}; the disk is not changed",
        )
    ]


def test_secret_value_is_found_in_a_text_in_any_xml_spelling() -> None:
    tree = parse("""<a secret="&lt;'&amp;&quot;"/>""")
    text = """<'&", &lt;'&amp;", &lt;'&amp;&quot;"""

    assert redacted(text, [tree], Rules(secrets=paths("@secret"))) == f"{SECRET}, {SECRET}, {SECRET}"
    assert redacted("as it is", [parse("<a secret=' '>b</a>")], Rules(secrets=paths("@secret"))) == "as it is"
