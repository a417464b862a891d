"""The metrics of the daemon after each event."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kvmreconcile.events.events import Connected, Lost, PassFailed, RepositoryChecked
from kvmreconcile.model import Action, Held, Hold, Key, Plan, Reason, Result
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect
from tests.metrics.story import Daemon, events_of_end
from tests.status.events import DB, LAN, NOON, WEB, action, pass_planned

DRIFT = Action(WEB, verb_of("start"), Effect.LIVE, Reason.DRIFT)


@pytest.fixture
def daemon() -> Daemon:
    daemon = Daemon()
    daemon.publish(Connected(NOON, "test:///default"))
    return daemon


def test_libvirt_up_is_0_after_lost_connection(daemon: Daemon) -> None:
    assert daemon.value("libvirt_up") == 1

    daemon.publish(Lost(NOON, "test:///default", "reset"))

    assert daemon.value("libvirt_up") == 0


def test_objects_are_counted_by_kind_and_condition(daemon: Daemon) -> None:
    daemon.publish(pass_planned(Plan(in_sync=(DB, LAN), held=(Held(action(WEB), Hold.EFFECT),))))

    assert daemon.value("objects", kind="Domain", condition="Ready") == 1
    assert daemon.value("objects", kind="Domain", condition="Held") == 1
    assert daemon.value("objects", kind="Network", condition="Ready") == 1
    assert daemon.value("objects", kind="Network", condition="Failed") == 0
    assert daemon.value("held_objects", why="effect") == 1
    assert daemon.value("held_objects", why="window") == 0


def test_passes_durations_and_event_lag_are_measured(daemon: Daemon) -> None:
    daemon.publish(
        pass_planned(Plan(in_sync=(WEB,)), lag_s=0.3),
        pass_planned(Plan(in_sync=(WEB,))),
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


def test_drift_is_counted_once_and_its_correction_once(daemon: Daemon) -> None:
    first = pass_planned(Plan(actions=(DRIFT,), in_sync=(DB, LAN)))
    daemon.publish(first, pass_planned(Plan(actions=(DRIFT,)), pass_id="p2", allowed=Plan()))
    assert daemon.value("drifting_objects", kind="Domain") == 1

    daemon.publish(*events_of_end(first, Result.DONE))

    assert daemon.value("drifting_objects", kind="Domain") == 0
    assert daemon.value("drift_seen_total", kind="Domain") == 1
    assert daemon.value("drift_healed_total", kind="Domain") == 1
    assert daemon.value("drift_healed_total", kind="Network") == 0


@pytest.mark.parametrize("hold", [Hold.EFFECT, Hold.SUSPENDED])
def test_held_drift_is_not_counted_as_healed(daemon: Daemon, hold: Hold) -> None:
    held = Held(replace(DRIFT, verb=verb_of("restart")), hold)
    first = pass_planned(Plan(actions=(DRIFT,), held=(held,)), allowed=Plan(actions=(DRIFT,)))

    daemon.publish(first, *events_of_end(first, Result.DONE), pass_planned(Plan(held=(held,))))

    assert daemon.value("drifting_objects", kind="Domain") == 1
    assert daemon.value("drift_seen_total", kind="Domain") == 1
    assert daemon.value("drift_healed_total", kind="Domain") == 0


def test_steps_are_counted_by_result_and_errors_by_class(daemon: Daemon) -> None:
    first = pass_planned(Plan(actions=(action(WEB), action(DB))))

    daemon.publish(first, *events_of_end(first, Result.FAILED, "Rejected"))

    assert daemon.value("actions_total", kind="Domain", verb="define", result="failed") == 2
    assert daemon.value("errors_total", **{"class": "Rejected"}) == 2
    assert daemon.value("action_duration_seconds_sum", kind="Domain") == pytest.approx(1.0)
    assert daemon.value("execution_duration_seconds_sum") == pytest.approx(0.7)


def test_last_success_is_the_last_pass_without_failure(daemon: Daemon) -> None:
    assert daemon.value("last_success_timestamp_seconds") == 0
    failing = pass_planned(Plan(actions=(action(WEB),)))

    daemon.publish(failing, *events_of_end(failing, Result.FAILED, "Busy"))
    assert daemon.value("last_success_timestamp_seconds") == 0

    daemon.publish(pass_planned(Plan(in_sync=(WEB,)), at=NOON + timedelta(minutes=1)))
    assert daemon.value("last_success_timestamp_seconds") == NOON.timestamp() + 60


def test_plans_in_execution_and_pending_triggers_are_counted(daemon: Daemon) -> None:
    slow = pass_planned(Plan(actions=(action(WEB),)))

    daemon.publish(slow)

    assert daemon.value("plans_under_way") == 1
    assert daemon.value("rings_waiting") == 1
    daemon.pending_triggers.clear()
    daemon.publish(*events_of_end(slow, Result.DONE))
    assert daemon.value("plans_under_way") == 0
    assert daemon.value("rings_waiting") == 0


def test_revision_metrics_contain_times_and_no_commit(daemon: Daemon) -> None:
    assert daemon.value("revision_in_force_timestamp_seconds") is None
    later = NOON + timedelta(hours=1)

    daemon.publish(
        pass_planned(Plan(), commit="c0ffee"),
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


def test_object_names_are_not_labels(daemon: Daemon) -> None:
    first = pass_planned(Plan(actions=(action(Key("Domain", "secret-name")),)))

    daemon.publish(first, *events_of_end(first, Result.FAILED, "Rejected"))

    assert b"secret-name" not in daemon.metrics.render()


def test_metrics_are_rendered_while_events_arrive(daemon: Daemon) -> None:
    first = pass_planned(Plan(actions=(DRIFT,)))
    stopped = threading.Event()

    def publish() -> None:
        while not stopped.is_set():
            daemon.publish(first, *events_of_end(first, Result.DONE))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        texts = [daemon.metrics.render() for _ in range(100)]
    finally:
        stopped.set()
        publisher.join()

    assert all(list(text_string_to_metric_families(text.decode())) for text in texts)


@pytest.mark.case("15b")
def test_state_lost_is_1_until_accepted(daemon: Daemon) -> None:
    daemon.publish(pass_planned(Plan(held=(Held(action(WEB), Hold["LOST_STATE"]),), lost="it was lost")))

    assert daemon.value("state_lost") == 1
    assert daemon.value("held_objects", why="lost_state") == 1
    daemon.publish(pass_planned(Plan(in_sync=(WEB,))))
    assert daemon.value("state_lost") == 0
