"""What a scrape is told after each piece of news."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kvmreconcile.events.events import Connected, Lost, PassFailed, RepositoryChecked
from kvmreconcile.model import Action, Held, Hold, Key, Plan, Reason, Result
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect
from tests.metrics.story import Daemon, ends
from tests.status.told import DB, LAN, NOON, WEB, action, planned

DRIFT = Action(WEB, verb_of("start"), Effect.LIVE, Reason.DRIFT)


@pytest.fixture
def daemon() -> Daemon:
    daemon = Daemon()
    daemon.tell(Connected(NOON, "test:///default"))
    return daemon


def test_libvirt_is_up_until_it_is_lost(daemon: Daemon) -> None:
    assert daemon.value("libvirt_up") == 1

    daemon.tell(Lost(NOON, "test:///default", "reset"))

    assert daemon.value("libvirt_up") == 0


def test_objects_are_counted_by_kind_and_condition(daemon: Daemon) -> None:
    daemon.tell(planned(Plan(in_sync=(DB, LAN), held=(Held(action(WEB), Hold.EFFECT),))))

    assert daemon.value("objects", kind="Domain", condition="Ready") == 1
    assert daemon.value("objects", kind="Domain", condition="Held") == 1
    assert daemon.value("objects", kind="Network", condition="Ready") == 1
    assert daemon.value("objects", kind="Network", condition="Failed") == 0
    assert daemon.value("held_objects", why="effect") == 1
    assert daemon.value("held_objects", why="window") == 0


def test_passes_and_how_long_they_and_events_took(daemon: Daemon) -> None:
    daemon.tell(
        planned(Plan(in_sync=(WEB,)), lag_s=0.3),
        planned(Plan(in_sync=(WEB,))),
        PassFailed(NOON, "p3", "no", "StateError"),
    )

    assert daemon.value("passes_total", end="planned") == 2
    assert daemon.value("passes_total", end="broken") == 1
    assert daemon.value("pass_duration_seconds_sum") == pytest.approx(0.2)
    assert daemon.value("event_lag_seconds_count") == 1
    assert daemon.value("event_lag_seconds_bucket", le="0.25") == 0
    assert daemon.value("event_lag_seconds_bucket", le="0.5") == 1
    assert daemon.value("errors_total", **{"class": "StateError"}) == 1
    assert daemon.value("pass_broken") == 1


def test_drift_is_seen_once_and_healed_once(daemon: Daemon) -> None:
    first = planned(Plan(actions=(DRIFT,), in_sync=(DB, LAN)))
    daemon.tell(first, planned(Plan(actions=(DRIFT,)), pass_id="p2", allowed=Plan()))
    assert daemon.value("drifting_objects", kind="Domain") == 1

    daemon.tell(*ends(first, Result.DONE))

    assert daemon.value("drifting_objects", kind="Domain") == 0
    assert daemon.value("drift_seen_total", kind="Domain") == 1
    assert daemon.value("drift_healed_total", kind="Domain") == 1
    assert daemon.value("drift_healed_total", kind="Network") == 0


@pytest.mark.parametrize("hold", [Hold.EFFECT, Hold.SUSPENDED])
def test_drift_that_is_held_is_not_healed(daemon: Daemon, hold: Hold) -> None:
    held = Held(replace(DRIFT, verb=verb_of("restart")), hold)
    first = planned(Plan(actions=(DRIFT,), held=(held,)), allowed=Plan(actions=(DRIFT,)))

    daemon.tell(first, *ends(first, Result.DONE), planned(Plan(held=(held,))))

    assert daemon.value("drifting_objects", kind="Domain") == 1
    assert daemon.value("drift_seen_total", kind="Domain") == 1
    assert daemon.value("drift_healed_total", kind="Domain") == 0


def test_steps_are_counted_by_what_came_of_them_and_errors_by_class(daemon: Daemon) -> None:
    first = planned(Plan(actions=(action(WEB), action(DB))))

    daemon.tell(first, *ends(first, Result.FAILED, "Rejected"))

    assert daemon.value("actions_total", kind="Domain", verb="define", result="failed") == 2
    assert daemon.value("errors_total", **{"class": "Rejected"}) == 2
    assert daemon.value("action_duration_seconds_sum", kind="Domain") == pytest.approx(1.0)
    assert daemon.value("execution_duration_seconds_sum") == pytest.approx(0.7)


def test_success_is_a_pass_with_nothing_to_do_or_nothing_that_failed(daemon: Daemon) -> None:
    assert daemon.value("last_success_timestamp_seconds") == 0
    failing = planned(Plan(actions=(action(WEB),)))

    daemon.tell(failing, *ends(failing, Result.FAILED, "Busy"))
    assert daemon.value("last_success_timestamp_seconds") == 0

    daemon.tell(planned(Plan(in_sync=(WEB,)), at=NOON + timedelta(minutes=1)))
    assert daemon.value("last_success_timestamp_seconds") == NOON.timestamp() + 60


def test_what_is_under_way_and_who_waits(daemon: Daemon) -> None:
    slow = planned(Plan(actions=(action(WEB),)))

    daemon.tell(slow)

    assert daemon.value("plans_under_way") == 1
    assert daemon.value("rings_waiting") == 1
    daemon.rings.clear()
    daemon.tell(*ends(slow, Result.DONE))
    assert daemon.value("plans_under_way") == 0
    assert daemon.value("rings_waiting") == 0


def test_revision_is_told_by_its_times_and_never_by_its_name(daemon: Daemon) -> None:
    assert daemon.value("revision_in_force_timestamp_seconds") is None
    later = NOON + timedelta(hours=1)

    daemon.tell(
        planned(Plan(), commit="c0ffee"),
        RepositoryChecked(NOON, "repo", "c0ffee"),
        RepositoryChecked(later, "repo", "c0ffee", "no"),
    )

    assert daemon.value("revision_checked_timestamp_seconds") == NOON.timestamp()
    assert daemon.value("revision_refused") == 1
    assert daemon.value("errors_total", **{"class": "SourceError"}) == 1
    assert daemon.value("revision_in_force_timestamp_seconds")
    assert b"c0ffee" not in daemon.metrics.render()


def test_notifications_are_counted_by_receiver(daemon: Daemon) -> None:
    daemon.receiver.tally.sent = 3
    daemon.receiver.tally.failed = 2
    daemon.receiver.tally.left_out = 1

    assert daemon.value("notifications_total", receiver="mail", result="sent") == 3
    assert daemon.value("notifications_total", receiver="mail", result="failed") == 2
    assert daemon.value("notifications_left_out_total", receiver="mail") == 1


def test_names_of_objects_and_texts_are_no_labels(daemon: Daemon) -> None:
    first = planned(Plan(actions=(action(Key("Domain", "secret-name")),)))

    daemon.tell(first, *ends(first, Result.FAILED, "Rejected"))

    assert b"secret-name" not in daemon.metrics.render()


def test_it_can_be_rendered_while_news_comes(daemon: Daemon) -> None:
    first = planned(Plan(actions=(DRIFT,)))
    over = threading.Event()

    def tell() -> None:
        while not over.is_set():
            daemon.tell(first, *ends(first, Result.DONE))

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        texts = [daemon.metrics.render() for _ in range(100)]
    finally:
        over.set()
        teller.join()

    assert all(list(text_string_to_metric_families(text.decode())) for text in texts)


@pytest.mark.case("15b")
def test_lost_state_is_counted_until_it_is_accepted(daemon: Daemon) -> None:
    daemon.tell(planned(Plan(held=(Held(action(WEB), Hold["LOST_STATE"]),), lost="it was lost")))

    assert daemon.value("state_lost") == 1
    assert daemon.value("held_objects", why="lost_state") == 1
    daemon.tell(planned(Plan(in_sync=(WEB,))))
    assert daemon.value("state_lost") == 0
