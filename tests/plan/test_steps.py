"""Steps for differences of the stored and the running definition and of the power state."""

from dataclasses import replace
from typing import Any

import pytest

from kvmreconcile.kinds.kind import derived_uuid
from kvmreconcile.model import Action, Apply, Key, Plan, Reason
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.plan import plan
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.compare.digests import digest, fingerprint
from kvmreconcile.plan.compare.live import Running
from kvmreconcile.plan.compare.settled import find_settled, find_settled_live, run_of
from kvmreconcile.plan.compare.steps import split_by_effect, steps_by_rows
from kvmreconcile.plan.secrets.masks import SECRET
from kvmreconcile.tree import Effect, Members, Node, Rules, Table, Update, diff, parse
from tests.plan.worlds import BOOKS, RUNNING, STOPPED, done, held, planned, remembered, seen, wish, world

DOMAIN = BOOKS["Domain"]


def changed(old: str, new: str, live: str | None = None, **more: Any) -> Plan:
    """Return the plan for a domain whose spec was edited from `old` to `new`."""
    was, web = wish("Domain/web", old), wish("Domain/web", new, **more)
    return planned(world([web], [seen(was, live=live)], [remembered(was)]))


def test_memory_raised_on_stopped_domain_is_only_stored() -> None:
    made = changed("<domain><memory>1</memory></domain>", "<domain><memory>2</memory></domain>")

    assert [(a.verb.name, a.effect, a.reason) for a in made.actions] == [("define", Effect.LIVE, Reason.EDIT)]


def test_memory_raised_on_running_domain_is_stored_and_set() -> None:
    xml = "<domain><memory>1</memory></domain>"
    made = changed(xml, "<domain><memory>2</memory></domain>", xml)

    assert done(made) == ["define Domain/web", "set-memory Domain/web"]
    assert [[c.path for c in a.changes] for a in made.actions] == [[], ["memory"]]


def test_change_without_a_live_rule_is_stored_and_pending() -> None:
    xml = '<domain><cpu mode="a"/></domain>'
    made = changed(xml, '<domain><cpu mode="b"/></domain>', xml)

    assert [(a.verb.name, a.effect) for a in made.actions] == [("define", Effect.NEXT_BOOT)]
    assert [c.path for c in made.pending[Key("Domain", "web")]] == ["cpu/@mode"]


def test_pending_change_causes_a_restart_if_the_spec_allows_it() -> None:
    xml = '<domain><cpu mode="a"/></domain>'
    made = changed(xml, '<domain><cpu mode="b"/></domain>', xml, max_effect=Effect.RESTART)

    assert [(a.verb.name, a.effect) for a in made.actions][-1] == ("restart", Effect.RESTART)
    assert made.pending == {}


def test_held_change_is_not_pending() -> None:
    xml = '<domain><cpu mode="a"/></domain>'
    made = changed(xml, '<domain><cpu mode="b"/></domain>', xml, max_effect=Effect.LIVE)

    assert [h.action.verb.name for h in made.held] == ["define"]
    assert made.pending == {}


def test_change_by_another_tool_is_drift() -> None:
    web = wish("Domain/web", "<domain><memory>1</memory></domain>")
    made = planned(world([web], [seen(web, "<domain><memory>2</memory></domain>")], [remembered(web)]))

    assert made.actions[0].reason is Reason.DRIFT


@pytest.mark.parametrize(
    ("wanted", "there", "verbs"),
    [
        ({"power": RUNNING}, {}, ["start"]),
        ({"power": RUNNING}, {"live": "<domain/>"}, []),
        ({"power": STOPPED}, {"live": "<domain/>"}, ["stop"]),
        ({"power": STOPPED}, {}, []),
        ({"power": None}, {"live": "<domain/>"}, []),
        ({"autostart": True}, {"autostart": False}, ["autostart"]),
        ({"autostart": False}, {"autostart": True}, ["no-autostart"]),
        ({"autostart": None}, {"autostart": True}, []),
    ],
)
def test_power_and_autostart_are_changed_only_if_in_spec(
    wanted: dict[str, Any], there: dict[str, Any], verbs: list[str]
) -> None:
    web = wish("Domain/web", **wanted)
    made = planned(world([web], [seen(web, **there)], [remembered(web)]))

    assert [a.verb.name for a in made.actions] == verbs


def test_new_domain_is_created_then_set_to_autostart_then_started() -> None:
    made = planned(world([wish("Domain/web", autostart=True, power=RUNNING)]))

    assert done(made) == ["create Domain/web", "autostart Domain/web", "start Domain/web"]


def test_replaced_object_keeps_power_and_autostart_that_are_not_in_spec() -> None:
    was = wish("Domain/web")
    web = wish("Domain/web", "<domain><uuid>7</uuid></domain>", max_effect=Effect.REPLACE)
    made = planned(world([web], [seen(was, live="<domain/>", autostart=True)], [remembered(was)]))

    assert [a.verb.name for a in made.actions][-3:] == ["replace", "autostart", "start"]


def test_running_transient_domain_is_defined() -> None:
    web = wish("Domain/web")
    made = planned(world([web], [seen(web, live="<domain/>", persistent=False)], [remembered(web)]))

    assert done(made) == ["define Domain/web"]
    assert made.actions[0].tree is not None
    assert [(c.path, c.old, c.new) for c in made.actions[0].changes] == [("persistent", "no", "yes")]


def test_added_and_removed_disks_are_attached_and_detached() -> None:
    old, new = '<domain><disk dev="vda"/></domain>', '<domain><disk dev="vdb"/></domain>'
    made = changed(old, new, old)

    acts = {a.verb.name: a for a in made.actions}
    assert acts["detach"].tree == parse('<disk dev="vda"/>')
    assert (acts["attach"].tree, acts["attach"].steps) == (parse('<disk dev="vdb"/>'), ("disk[vdb]",))


def test_change_inside_a_device_passes_the_whole_device_to_the_verb() -> None:
    old, new = (f'<domain><nic mac="1" link="{link}"/></domain>' for link in ("up", "down"))
    made = changed(old, new, old)

    assert made.actions[-1].verb.name == "update"
    assert made.actions[-1].tree == parse('<nic mac="1" link="down"/>')
    assert made.actions[-1].steps == ("nic[1]",)


def test_merge_keeps_members_that_are_not_in_spec() -> None:
    web = wish("Domain/web", '<domain><disk dev="vda"/></domain>', apply=Apply.MERGE)
    there = seen(web, '<domain><disk dev="vda"/><disk dev="vdb"/></domain>')

    assert planned(world([web], [there], [remembered(web)])).is_empty
    strict = replace(web, policy=replace(web.policy, apply=Apply.ENFORCE))
    assert not planned(world([strict], [there], [remembered(strict)])).is_empty


def test_ignored_path_and_everything_below_it_are_not_changed() -> None:
    web = wish("Domain/web", '<domain><cpu mode="a"><model>x</model></cpu></domain>', ignore=("cpu",))
    there = seen(web, '<domain><cpu mode="b"><model>y</model></cpu></domain>')

    assert planned(world([web], [there], [remembered(web)])).is_empty


def test_volume_is_resized_if_it_grows_and_otherwise_replaced() -> None:
    was = wish("Volume/p/v", '<volume pool="p"><capacity>1</capacity><format>raw</format></volume>')
    there, known = [seen(wish("StoragePool/p")), seen(was)], [remembered(was)]
    grown = wish("Volume/p/v", '<volume pool="p"><capacity>2</capacity></volume>')
    shrunk = wish("Volume/p/v", '<volume pool="p"><capacity>0</capacity></volume>')
    other = wish("Volume/p/v", '<volume pool="p"><format>qcow2</format></volume>')

    assert done(planned(world([grown], there, [remembered(grown)]))) == ["resize Volume/p/v"]
    assert held(planned(world([shrunk], there, [remembered(shrunk)]))) == [("replace Volume/p/v", "EFFECT")]
    assert planned(world([other], there, known)).held[0].action.effect is Effect.DATA_LOSS


def test_missing_state_record_is_written_without_steps() -> None:
    web = wish("Domain/web")

    assert planned(world([web], [seen(web)])).records == (web.key,)
    assert planned(world([web], [seen(web)], [remembered(web)])).records == ()


def test_settled_value_is_not_planned_until_spec_or_object_changes() -> None:
    web = wish("Domain/web", "<domain><memory>100</memory></domain>")
    there = seen(web, "<domain><memory>102</memory></domain>")
    known = applied_after(web, there, DOMAIN, "lab")

    assert [(s.path, s.asked, s.answered) for s in known.settled] == [("memory", "100", "102")]
    assert planned(world([web], [there], [known])).is_empty
    assert not planned(world([web], [seen(web, "<domain><memory>104</memory></domain>")], [known])).is_empty


def test_difference_right_after_a_start_causes_no_second_restart() -> None:
    web = wish("Domain/web", '<domain><cpu mode="a"/></domain>', max_effect=Effect.RESTART)
    there = seen(web, live='<domain><cpu mode="custom"/></domain>')
    before = remembered(web)
    first = planned(world([web], [there], [before]))
    again = replace(there, runtime_id=2)
    known = replace(before, settled=find_settled_live(web, again, run_of(there, again), before, DOMAIN))

    assert done(first) == ["restart Domain/web"]
    assert planned(world([web], [again], [known])).is_empty
    assert find_settled_live(web, again, run_of(again, again), known, DOMAIN) == known.settled
    assert find_settled_live(web, again, run_of(again, again), before, DOMAIN) == ()
    assert find_settled_live(web, seen(web), run_of(there, seen(web)), before, DOMAIN) == ()


def test_difference_after_our_start_is_settled_without_a_runtime_id() -> None:
    lan = wish("Network/lan", '<network><mtu size="1"/></network>', max_effect=Effect.RESTART)
    there = seen(lan, live="<network/>", runtime_id=None)
    before = remembered(lan)
    left = find_settled_live(lan, there, run_of(there, there, {lan.key}), before, BOOKS["Network"])

    assert done(planned(world([lan], [there], [before]))) == ["restart Network/lan"]
    assert planned(world([lan], [there], [replace(before, settled=left)])).is_empty
    assert find_settled_live(lan, there, run_of(there, there), before, BOOKS["Network"]) == ()


@pytest.mark.parametrize(
    ("stored", "live", "pending"),
    [
        ("<domain/>", "vnet9", []),
        ("<domain><tap/></domain>", "vnet9", []),
        ('<domain><tap dev="vnet8"/></domain>', "vnet8", []),
        ('<domain><tap dev="vnet8"/></domain>', "vnet9", ["tap/@dev"]),
    ],
)
def test_running_value_that_libvirt_does_not_store_is_not_pending(
    stored: str, live: str, pending: list[str]
) -> None:
    web = wish("Domain/web", '<domain><tap dev="vnet7"/></domain>')
    there = seen(web, stored, live=f'<domain><tap dev="{live}"/></domain>')
    known = replace(remembered(web), settled=find_settled(web, there, DOMAIN.rules))

    made = planned(world([web], [there], [known]))

    assert [c.path for c in made.pending.get(web.key, ())] == pending


def test_verb_without_effect_is_not_planned_again() -> None:
    web = wish("Domain/web", "<domain><memory>2</memory></domain>")
    there = seen(web, live="<domain><memory>1</memory></domain>")
    known = replace(
        remembered(web), settled=find_settled_live(web, there, run_of(there, there), None, DOMAIN)
    )

    assert done(planned(world([web], [there], [remembered(web)]))) == ["set-memory Domain/web"]
    assert planned(world([web], [there], [known])).is_empty


def test_settled_elements_are_described_and_secrets_masked() -> None:
    web = wish("Domain/web", '<domain><disk dev="vda"/><password>new</password><cpu mode="a"/></domain>')
    there = seen(web, "<domain><password>old</password><cpu/></domain>")

    assert sorted((s.path, s.asked, s.answered) for s in find_settled(web, there, DOMAIN.rules)) == [
        ("cpu/@mode", "a", "nothing"),
        ("disk[vda]", "<disk>", "nothing"),
        ("password", SECRET, SECRET),
    ]


def test_state_record_contains_no_secret() -> None:
    web = wish("Domain/web", '<domain><disk dev="vda" key="hunter1"/><password>hunter2</password></domain>')

    assert "hunter" not in repr(applied_after(web, seen(web, "<domain/>"), DOMAIN, "lab"))


def test_fingerprint_depends_on_a_changed_secret_but_not_on_secrets_in_an_element() -> None:
    def prints(xml: str) -> list[str]:
        old = parse("<domain><password>0</password></domain>")
        return [fingerprint(c) for c in diff(old, parse(f"<domain>{xml}</domain>"), DOMAIN.rules)]

    assert prints("<password>1</password>") != prints("<password>2</password>")
    one, two = (prints(f'<password>0</password><disk dev="a" key="{key}"/>') for key in "12")
    assert one == two


def test_digest_changes_with_everything_in_spec_except_secrets() -> None:
    web = wish("Domain/web", "<domain><password>1</password></domain>")
    same = wish("Domain/web", "<domain><password>2</password></domain>")

    assert digest(web, DOMAIN.rules) == digest(same, DOMAIN.rules)
    others = [replace(web, tree=Node("x")), replace(web, power=RUNNING), replace(web, autostart=True)]
    assert len({digest(d, DOMAIN.rules) for d in (web, *others)}) == 4


def test_uuid_is_derived_from_instance_and_name() -> None:
    key = Key("Domain", "web")

    assert derived_uuid("lab", key) == derived_uuid("lab", key) != derived_uuid("other", key)


def test_change_with_an_empty_verb_has_no_step_and_dependent_steps_are_last() -> None:
    rules = Rules(
        actions=Table(
            {"total": (Update(""),), "used": (Update("set", after="total"),), "stick": (Update("attach"),)}
        )
    )
    old, new = (
        parse("<d><total>1</total><used>1</used></d>"),
        parse("<d><total>2</total><used>2</used><stick/></d>"),
    )
    base = Action(Key("Domain", "web"), verb_of("define"), Effect.LIVE, Reason.EDIT)

    steps = steps_by_rows(diff(old, new, rules), old, new, rules, base)

    assert [step.verb.name for step in steps] == ["attach", "set"]


def test_live_change_waits_for_a_pending_change_in_the_same_element_only() -> None:
    rules = Rules(
        members=Table({"nic": Members((("@id",),))}),
        actions=Table({"nic/@on": (Update("set", at="nic", after="nic/@kind"),)}),
    )
    old, new = (
        parse(f"<d><nic id='1' kind='{kind}' on='{on}'/><nic id='2' kind='a' on='{on}'/></d>")
        for kind, on in (("a", "x"), ("b", "y"))
    )

    hot, cold = split_by_effect(Running(old, tuple(diff(old, new, rules))), rules)

    assert [c.path for c in hot] == ["nic[2]/@on"]
    assert [c.path for c in cold] == ["nic[1]/@kind", "nic[1]/@on"]


def test_guest_restored_from_a_managed_save_is_still_changed_live() -> None:
    web = wish("Domain/web", "<domain><memory>2</memory><cpu>b</cpu></domain>")
    asleep = seen(web, saved=True)
    awake = replace(
        asleep, live_xml="<domain><memory>1</memory><cpu>a</cpu></domain>", active=True, runtime_id=7
    )

    assert find_settled_live(web, awake, run_of(asleep, awake), remembered(web), DOMAIN) == ()
    made = planned(world([web], [awake], [remembered(web)]))
    assert done(made) == ["set-memory Domain/web"]
    assert [c.path for c in made.pending[web.key]] == ["cpu"]


def test_creation_has_the_notes_of_its_kind() -> None:
    made = planned(world([wish("Domain/web", '<domain small="1"/>')], []))

    assert [a.notes for a in made.actions][:1] == [("it is small",)]


def test_rule_for_edits_only_does_not_correct_drift() -> None:
    book = BOOKS["Volume"]
    rows: Table[tuple[Update, ...]] = Table(
        {
            "size": (Update("resize", "~", edits_only=True),),
            "**": (Update("replace", effect=Effect.DATA_LOSS),),
        }
    )
    kinds = {**BOOKS, "Volume": replace(book, rules=replace(book.rules, actions=rows))}
    volume = wish("Volume/p/v", "<volume><size>2</size></volume>")
    there = seen(volume, "<volume><size>1</size></volume>")

    cut = plan(world([volume], [there], [remembered(volume)]), kinds)
    edited = plan(world([volume], [there], [remembered(volume, digest="before")]), kinds)

    assert held(cut) == [("replace Volume/p/v", "EFFECT")]
    assert done(edited) == ["resize Volume/p/v"]
