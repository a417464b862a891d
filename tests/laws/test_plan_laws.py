"""Properties of every plan, for any specs and for any host that changes definitions."""

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from kvmreconcile.kinds.kind import derived_uuid
from kvmreconcile.model import Creation, Desired, Hold, Key, Policy, Power
from kvmreconcile.tree import Effect, Node, Table, Update, make
from tests.laws.hosts import Book, Host, Whim
from tests.laws.trees import BOXES, LEAVES, ROOT, rules, wishes

quick = settings(max_examples=40)  # each example makes several plans
tags = st.frozensets(st.sampled_from((*BOXES, *LEAVES)), max_size=2)
whims = st.builds(Whim, dropped=tags, spelled=tags, added=tags)


def _row(verb: str, effect: Effect) -> tuple[Update, ...]:
    return (Update(verb, effect=effect),)


verbs = st.builds(
    _row,
    st.sampled_from(("attach", "set")),
    st.sampled_from((Effect.LIVE, Effect.RESTART)),
)
updates = st.dictionaries(st.sampled_from(("a", "t", "a/@k", "a/t", "**")), verbs, max_size=2).map(Table)


@dataclass(frozen=True)
class Story:
    """A host, a spec, and the spec after an edit."""

    host: Host
    first: Desired
    second: Desired


@st.composite
def stories(draw: st.DrawFn) -> Story:
    is_guest, of_rules = draw(st.booleans()), replace(draw(rules), actions=draw(updates))
    book = Book("Thing", ROOT, of_rules, has_lifecycle=is_guest, redefines_whole=is_guest)
    power = st.sampled_from((Power.RUNNING, Power.STOPPED, None))
    policy = Policy(max_effect=draw(st.sampled_from((Effect.NEXT_BOOT, Effect.RESTART))))
    first, second = (
        wanted("web", draw(wishes(book.rules)), policy=policy, power=draw(power)) for _ in range(2)
    )
    return Story(Host(book, draw(whims), draw(whims)), first, second)


def wanted(name: str, tree: Node, *, policy: Policy | None = None, power: Power | None = None) -> Desired:
    key = Key("Thing", name)
    return Desired(key, tree, Creation(derived_uuid("lab", key)), policy=policy or Policy(), power=power)


def unfinished(host: Host, *desired: Desired) -> list[str]:
    made = host.plan(*desired)
    held = [str(h) for h in made.held if h.hold is not Hold.AMBIGUOUS]
    return [f"{a.verb.name} {[str(c) for c in a.changes]}" for a in made.actions] + held


@quick
@given(stories())
def test_plan_after_apply_is_empty(story: Story) -> None:
    for desired in (story.first, story.second):
        story.host.execute(story.host.plan(desired), desired)

        assert unfinished(story.host, desired) == []


@quick
@given(stories())
def test_two_passes_never_plan_the_same_change(story: Story) -> None:
    story.host.execute(story.host.plan(story.first), story.first)
    one = story.host.plan(story.second)
    story.host.execute(one, story.second)
    two = story.host.plan(story.second)

    assert not {c for a in one.actions for c in a.changes} & {c for a in two.actions for c in a.changes}


@quick
@given(story=stories(), complete=st.booleans(), none=st.booleans())
def test_no_plan_changes_an_object_outside_specs_and_state(
    story: Story, *, complete: bool, none: bool
) -> None:
    host, foreign = story.host, Key("Thing", "theirs")
    host.execute(host.plan(story.first), story.first)
    host.trees[foreign] = make(ROOT, children=(make("uuid", text="7"),))
    world = host.world(*(() if none else (story.second,)))

    made = host.judge(replace(world, complete=complete))

    touched = {a.key for a in made.actions} | {h.action.key for h in made.held}
    assert foreign not in touched
    if none or not complete:
        assert "remove" not in {a.verb.name for a in made.actions}


@quick
@given(stories())
def test_unmanaged_object_with_the_name_of_a_spec_is_held_and_not_changed(story: Story) -> None:
    story.host.trees[story.first.key] = make(ROOT, children=(make("uuid", text="7"),))

    made = story.host.plan(story.first)

    assert made.actions == ()
    assert [h.hold for h in made.held] == [Hold.CONFLICT]


@quick
@given(stories())
def test_order_of_specs_does_not_change_the_plan(story: Story) -> None:
    other = wanted("db", story.second.tree)
    one, two = story.host.plan(story.first, other), story.host.plan(other, story.first)

    assert (one, one.digest) == (two, two.digest)
