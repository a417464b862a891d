"""What is asked and told through a real socket, by whom, and by whoever means no good."""

import hmac
import json
import os
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from kvmreconcile.control import admission, client, guard, orders, server
from kvmreconcile.control.client import Client
from kvmreconcile.errors import Forbidden, NoDaemon, NotKnown, NotNow, OrderError
from kvmreconcile.events.events import Connected, Lost, OrderGiven, OrderRefused, PassFailed
from kvmreconcile.model import HostId, Plan
from tests.control.served import (
    HOST,
    WEB,
    WITHIN_S,
    Served,
    certificate,
    dial_tls,
    free_port,
    planned,
    request,
    status_of,
)
from tests.waiting import wait_until

TOKENS = {"viewer": "v" * 20, "operator": "o" * 20, "admin": "a" * 20}
SECRET = b"forge and host alone know it"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    served.open()
    yield served
    served.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def remote(tmp_path: Path, tls: tuple[Path, Path]) -> Iterator[Served]:
    """A daemon with a door for other hosts, and a webhook."""
    (tmp_path / "tokens").write_text("".join(f"{name} {name} {token}\n" for name, token in TOKENS.items()))
    (tmp_path / "tokens").chmod(0o600)
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    door = {
        "certificate": tls[0],
        "key": tls[1],
        "tokens": tmp_path / "tokens",
        "names": ["hosts.example.org"],
    }
    served = Served(
        tmp_path,
        {"tcp": {**door, "listen": f"127.0.0.1:{free_port()}"}, "hookSecret": tmp_path / "secret"},
    )
    served.open()
    yield served
    served.close()


def over_tls(served: Served, sent: bytes) -> bytes:
    tcp = served.settings.control.tcp
    assert tcp
    return served.raw(sent, dial=lambda: dial_tls(int(tcp.listen.rpartition(":")[2]), tcp.certificate))


def test_snapshot_is_served_whole_and_object_by_object(served: Served) -> None:
    found = served.client().get("/v1/status")

    assert (found["instance"], found["host"], found["plan"], found["converged"]) == (
        "lab",
        "kvm1",
        "abc",
        True,
    )
    assert [(o["key"], o["condition"]) for o in found["objects"]] == [("Domain/web", "Ready")]
    assert served.client().get("/v1/objects/Domain/web") == found["objects"][0]
    with pytest.raises(NotKnown, match="Domain/db"):
        served.client().get("/v1/objects/Domain/db")


def test_it_is_ready_only_while_it_can_do_its_work(served: Served) -> None:
    assert status_of(served.raw(request("GET /readyz"))) == 200

    served.newest(PassFailed(datetime.now(UTC), "p2", "the disk is full"))
    assert status_of(served.raw(request("GET /readyz"))) == 503

    served.newest(planned(Plan()))
    assert status_of(served.raw(request("GET /readyz"))) == 200
    served.newest(Lost(datetime.now(UTC), "", "reset"))
    assert status_of(served.raw(request("GET /readyz"))) == 503
    assert status_of(served.raw(request("GET /healthz"))) == 200


def test_it_is_healthy_only_while_its_threads_get_on(served: Served) -> None:
    assert served.raw(request("GET /healthz")).endswith(b'{"alive":true,"stuck":[]}')

    served.stuck = ("passes",)
    answer = served.raw(request("GET /healthz"))

    assert status_of(answer) == 503
    assert answer.endswith(b'{"alive":false,"stuck":["passes"]}')


def test_pages_of_other_parts_are_served_as_they_are(served: Served) -> None:
    answer = served.raw(request("GET /metrics"))

    assert answer.endswith(b"\r\n\r\nup 1\n")
    assert b"content-type: text/plain" in answer


def test_suspended_is_written_down_told_and_looked_at(served: Served) -> None:
    until = datetime.now(UTC) + timedelta(hours=2)

    said = served.client().order(
        "suspend", {"key": "Domain/web", "until": until.isoformat(), "why": "a copy"}
    )

    assert said.startswith("Domain/web is suspended until 20")
    suspension = served.state.suspended()[WEB]
    assert (suspension.until, suspension.why, suspension.who) == (until, "a copy", "root")
    (order,) = served.told
    assert isinstance(order, OrderGiven)
    assert (order.order, order.about, order.who, order.why) == ("suspend", "Domain/web", "root", "a copy")
    assert served.rung == ["Domain/web"]

    assert served.client().order("resume", {"key": "Domain/web"}) == "Domain/web is resumed"
    assert (
        served.client().order("resume", {"key": "Domain/web"}) == "Domain/web was not suspended individually"
    )
    assert served.state.suspended() == {}
    assert served.rung == ["Domain/web", "Domain/web"]


def test_everything_is_paused_and_resumed(served: Served) -> None:
    assert served.client().order("suspend", {"all": True}).startswith("all objects are suspended")
    assert list(served.state.suspended()) == [None]

    served.client().order("resume", {"all": True})

    assert served.state.suspended() == {}
    assert served.rung == ["suspend", "resume"]


def test_reconcile_looks_and_tries_again(served: Served) -> None:
    served.client().order("reconcile", {"key": "Domain/web"})
    assert (served.retried, served.rung, served.woken) == ([WEB], ["Domain/web"], 0)

    served.client().order("reconcile", {"all": True})
    assert (served.retried, served.rung, served.woken) == ([WEB, None], ["Domain/web", "reconcile"], 1)


@pytest.mark.parametrize("word", ["suspend", "reconcile"])
def test_object_that_nobody_knows_is_refused_with_the_one_that_was_meant(served: Served, word: str) -> None:
    with pytest.raises(NotKnown, match="did you mean 'Domain/web'"):
        served.client().order(word, {"key": "Domain/webb"})

    assert served.state.suspended() == {}
    assert not served.told


def test_approval_is_answered_by_the_pass_that_takes_it(served: Served) -> None:
    def approved(made: str | None) -> str:
        with ThreadPoolExecutor(1) as pool:
            order = pool.submit(served.client().order, "approve", {"digest": "abc"})
            wait_until(lambda: served.rung == ["approve"], "a pass is asked for")
            served.rung.clear()
            with served.approvals.taken() as approval:
                assert approval
                assert (approval.digest, approval.who) == ("abc", "root")
                if made is not None:
                    approval.answer.set_result(made)
            return order.result()

    assert approved("abc") == "plan abc is approved; see: kvmreconcile history"
    with pytest.raises(NotNow, match="nothing was approved: the current plan is def"):
        approved("def")
    with pytest.raises(NotNow, match="nothing was approved: the current plan has nothing to do or approve"):
        approved("")
    with pytest.raises(NotNow, match="the pass ended before it used the approval"):
        approved(None)


def test_who_approves_does_not_wait_for_ever(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "PATIENCE_S", 0.5)
    with pytest.raises(NotNow, match="no pass started in time"):
        served.client().order("approve", {"digest": "abc"})

    with ThreadPoolExecutor(1) as pool:
        served.rung.clear()
        order = pool.submit(served.client().order, "approve", {"digest": "abc"})
        wait_until(lambda: served.rung == ["approve"], "a pass is asked for")
        with served.approvals.taken() as approval:
            assert approval
            assert "which may yet be carried out; see: kvmreconcile history" in str(order.exception())


def test_who_approves_is_answered_before_the_request_is_cut_off() -> None:
    assert 2 * orders.PATIENCE_S < guard.ANSWER_S


def test_answer_that_takes_too_long_is_no_crash(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "ANSWER_S", 0.2)
    monkeypatch.setattr(orders, "PATIENCE_S", 0.5)

    with pytest.raises(OrderError):
        served.client().order("approve", {"digest": "abc"})

    seen = capsys.readouterr().out
    assert "door.timeout" in seen
    assert "door.crashed" not in seen


def test_approval_is_refused_at_once_while_libvirt_is_away_or_the_daemon_stops(served: Served) -> None:
    served.approvals.close()
    with pytest.raises(NotNow, match="the daemon is stopping"):
        served.client().order("approve", {"digest": "abc"})

    served.newest(Lost(datetime.now(UTC), "", "reset"))
    with pytest.raises(NotNow, match="there is no connection to libvirt"):
        served.client().order("approve", {"digest": "abc"})


def test_state_is_accepted_for_the_host_that_is_connected_to(served: Served) -> None:
    answer = served.client().order("state/accept", {"why": "new board"})

    assert answer.startswith(f"the state belongs to {HOST} now")

    assert served.state.binding.host() == HOST
    (order,) = served.told
    assert isinstance(order, OrderGiven)
    assert (order.order, order.about, order.who, order.why) == ("accept", "", "root", "new board")
    assert served.rung == ["accept"]


def test_state_is_not_accepted_while_it_is_not_known_for_which_host(served: Served) -> None:
    served.newest(Lost(datetime.now(UTC), "", "reset"))

    with pytest.raises(NotNow, match="there is no connection to libvirt, so the host cannot be identified"):
        served.client().order("state/accept", {})

    assert served.state.binding.host() is None


def test_state_is_not_accepted_for_a_host_that_does_not_say_who_it_is(served: Served) -> None:
    served.newest(Connected(datetime.now(UTC), "test:///default", None))

    with pytest.raises(NotNow, match="libvirt at test:///default did not report the UUID of its host"):
        served.client().order("state/accept", {})


def test_pass_that_cannot_run_yet_says_what_it_waits_for(served: Served) -> None:
    assert served.client().order("reconcile", {"all": True}) == "a pass over all objects is scheduled"

    served.newest(Lost(datetime.now(UTC), "", "reset"))

    assert served.client().order("reconcile", {"all": True}) == (
        "a pass over all objects is scheduled; it runs once libvirt can be reached (reset)"
    )


@pytest.mark.parametrize(
    ("role", "word", "said", "where"),
    [
        ("viewer", "reconcile", {"all": True}, "reconcile"),
        ("viewer", "reconcile", {"key": "Domain/web"}, "reconcile Domain/web"),
        ("operator", "suspend", {"all": True}, "suspend --all"),
        ("operator", "state/accept", {}, "state accept"),
    ],
)
def test_refused_order_is_named_as_on_the_command_line(
    remote: Served, role: str, word: str, said: dict[str, object], where: str
) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[role]}", "Content-Type": "application/json"}

    answer = over_tls(remote, request(f"POST /v1/{word}", json.dumps(said).encode(), **headers))

    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["where"] == where


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_state_is_accepted_by_administrators_alone(remote: Served, role: str) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[role]}", "Content-Type": "application/json"}

    answer = over_tls(remote, request("POST /v1/state/accept", b"{}", **headers))

    assert status_of(answer) == 403
    assert remote.state.binding.host() is None


@pytest.mark.parametrize(
    ("role", "word", "said", "allowed"),
    [
        ("viewer", "reconcile", {"key": "Domain/web"}, False),
        ("viewer", "approve", {"digest": "abc"}, False),
        ("viewer", "suspend", {"key": "Domain/web"}, False),
        ("viewer", "resume", {"all": True}, False),
        ("operator", "reconcile", {"all": True}, True),
        ("operator", "suspend", {"key": "Domain/web"}, True),
        ("operator", "resume", {"key": "Domain/web"}, True),
        ("operator", "suspend", {"all": True}, False),
        ("operator", "resume", {"all": True}, False),
        ("admin", "suspend", {"all": True}, True),
    ],
)
def test_orders_are_for_those_who_may_give_them(
    remote: Served, role: str, word: str, said: dict[str, object], *, allowed: bool
) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[role]}", "Content-Type": "application/json"}

    answer = over_tls(remote, request(f"POST /v1/{word}", json.dumps(said).encode(), **headers))

    assert status_of(answer) == (200 if allowed else 403)
    (told,) = (
        remote.told if word != "resume" or not allowed else (OrderGiven(datetime.now(UTC), word, "", role),)
    )
    assert isinstance(told, OrderGiven if allowed else OrderRefused)
    assert (told.order, told.who) == (word, role)
    assert allowed or remote.state.suspended() == {}
    assert allowed or f"{role} has the role {role}; this needs " in answer.decode()


@pytest.mark.parametrize("header", ["", f"Bearer {TOKENS['viewer']}x", f"Basic {TOKENS['admin']}", "Bearer"])
def test_other_hosts_need_a_token(remote: Served, header: str) -> None:
    for line in ("GET /v1/status", "GET /metrics", "GET /v1/openapi.json", "POST /v1/reconcile"):
        answer = over_tls(remote, request(line, Authorization=header))
        assert status_of(answer) == 401
        assert b"lab" not in answer
    assert status_of(over_tls(remote, request("GET /readyz", Authorization=header))) == 200


def test_token_that_is_taken_back_is_good_for_nothing_at_once(remote: Served) -> None:
    ask = request("GET /v1/status", Authorization=f"Bearer {TOKENS['viewer']}")
    assert status_of(over_tls(remote, ask)) == 200

    (remote.home / "tokens").write_text("")

    assert status_of(over_tls(remote, ask)) == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [("hosts.example.org", 200), ("kvm1:9443", 200), ("127.0.0.1", 200), ("evil.example", 421), ("", 400)],
)
def test_request_for_another_host_is_refused(remote: Served, host: str, status: int) -> None:
    ask = request("GET /v1/status", Host=host, Authorization=f"Bearer {TOKENS['admin']}")

    assert status_of(over_tls(remote, ask)) == status


def test_without_tls_there_is_nothing_to_talk_to(remote: Served) -> None:
    tcp = remote.settings.control.tcp
    assert tcp
    with pytest.raises(ssl.SSLCertVerificationError):
        dial_tls(int(tcp.listen.rpartition(":")[2]), Path(ssl.get_default_verify_paths().openssl_cafile))


def signature(body: bytes, secret: bytes = SECRET) -> str:
    return f"sha256={hmac.new(secret, body, sha256).hexdigest()}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Hub_Signature_256": signature(b'{"after": "x"}')}, 202),
        ({"X_Gitlab_Token": SECRET.decode()}, 202),
        ({}, 403),
        ({"X_Hub_Signature_256": signature(b"another")}, 403),
        ({"X_Hub_Signature_256": signature(b'{"after": "x"}', b"guessed")}, 403),
        ({"X_Hub_Signature_256": "sha256="}, 403),
        ({"X_Gitlab_Token": ""}, 403),
        ({"Authorization": f"Bearer {TOKENS['admin']}"}, 403),
    ],
)
def test_webhook_wakes_whoever_polls_if_it_is_the_forges(
    remote: Served, headers: dict[str, str], status: int
) -> None:
    sent = request("POST /v1/hooks/git", b'{"after": "x"}', **headers)

    assert status_of(over_tls(remote, sent)) == status
    assert remote.woken == (status == 202)
    assert not remote.told


def test_without_a_secret_there_is_no_webhook(served: Served) -> None:
    sent = request("POST /v1/hooks/git", b"", X_Hub_Signature_256=signature(b"", b""))

    assert status_of(served.raw(sent)) == 404
    assert served.woken == 0


JSON = {"Content_Type": "application/json"}


def test_whoever_says_nothing_is_hung_up_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.3)

    assert served.raw(b"") == b""
    assert served.raw(b"GET /v1/sta") == b""


@pytest.mark.case("21")
def test_address_that_agrees_on_nothing_is_hung_up_on_and_others_are_served(
    remote: Served,
) -> None:
    tcp = remote.settings.control.tcp
    assert tcp
    port = int(tcp.listen.rpartition(":")[2])
    silent = []
    for _ in range(200):
        silent.append(socket.socket())
        silent[-1].settimeout(WITHIN_S)
        silent[-1].bind(("127.0.0.2", 0))
        silent[-1].connect(("127.0.0.1", port))

    assert status_of(over_tls(remote, request("GET /readyz"))) == 200

    # Those for which there is no room are closed at once, and the others when the time for TLS is over.
    assert [each.recv(1) for each in silent] == [b""] * len(silent)
    assert status_of(over_tls(remote, request("GET /readyz"))) == 200
    for each in silent:
        each.close()


@pytest.mark.case("22")
def test_user_with_too_many_connections_is_refused_in_json_and_served_once_there_is_room(
    served: Served,
) -> None:
    # This user is root, and may have as many as are reserved beside.
    crowd = [served.dial() for _ in range(admission.PER_USER + admission.RESERVED)]

    with pytest.raises(OrderError, match="too many connections"):
        served.client().get("/v1/status")

    for each in crowd:
        each.close()
    wait_until(lambda: status_of(served.raw(request("GET /v1/status"))) == 200, "there is room again")


def test_reader_never_waits_for_an_order_under_way(served: Served) -> None:
    with ThreadPoolExecutor(8) as pool:
        given = [pool.submit(served.client().order, "approve", {"digest": "abc"}) for _ in range(8)]
        wait_until(lambda: len(served.rung) == 8, "all have been given")

        assert served.client().get("/v1/status")["plan"] == "abc"

        served.approvals.close()
        assert all(isinstance(order.exception(), NotNow) for order in given)


def test_door_is_opened_once_its_place_is_free(tmp_path: Path) -> None:
    first, second = Served(tmp_path), Served(tmp_path)
    first.open()
    second.open()
    assert first.client().get("/v1/status")
    first.close()

    second.doors.tend()

    assert second.client().get("/v1/status")
    second.close()
    second.doors.tend()
    with pytest.raises(
        NoDaemon,
        match="no daemon listens on this socket; if the daemon runs, name its settings by --config, or look for",
    ):
        second.client().get("/v1/status")


def test_certificate_that_is_none_is_told_and_the_socket_works(tmp_path: Path) -> None:
    (tmp_path / "tokens").touch(0o600)
    door = dict.fromkeys(("certificate", "key", "tokens"), tmp_path / "tokens")
    served = Served(tmp_path, {"tcp": {**door, "listen": f"127.0.0.1:{free_port()}"}})

    served.open()

    assert served.client().get("/v1/status")
    assert f"key {tmp_path}/tokens cannot be used: " in served.doors._told["tcp"]
    served.close()


def test_answer_above_the_maximum_size_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LONGEST", 100)

    with pytest.raises(NoDaemon, match="no usable answer from the daemon: it is larger than"):
        served.client().get("/v1/status")


def test_whoever_may_not_talk_to_it_is_told_so(served: Served) -> None:
    served.path.chmod(0)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            served.client().get("/v1/status")
        except OrderError as error:
            os._exit(7 if isinstance(error, Forbidden) else 1)
        os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.case("14")
@pytest.mark.parametrize("word", ["approve", "suspend", "resume", "reconcile"])
def test_order_is_refused_while_the_state_belongs_to_another_host(served: Served, word: str) -> None:
    other = HostId(HOST.uuid, "qemu:///system")
    served.state.binding.bind(other)

    with pytest.raises(NotNow, match=r"this state belongs to .*kvmreconcile state accept"):
        served.client().order(word, {"digest": "abc"} if word == "approve" else {"key": "Domain/web"})
    assert not served.told

    served.client().order("state/accept", {})
    assert served.client().order("suspend", {"key": "Domain/web"}) == "Domain/web is suspended"


@pytest.mark.case("15b")
def test_lost_state_is_told_with_every_answer_until_it_is_accepted(served: Served) -> None:
    served.newest(planned(Plan(in_sync=(WEB,), lost="the state was lost")))

    for word, said in (
        ("suspend", {"key": "Domain/web"}),
        ("resume", {"key": "Domain/web"}),
        ("reconcile", {"all": True}),
    ):
        assert served.client().order(word, said).endswith("; warning: the state was lost")
    assert served.client().get("/v1/status")["stateLost"] == "the state was lost"
    assert served.state.is_unproved()
    assert "if a state was lost before, its suspensions are not restored" in served.client().order(
        "state/accept", {}
    )
    assert not served.state.is_unproved()


@pytest.mark.case("23")
@pytest.mark.parametrize(
    "change",
    [{"instance": "other"}, {"state": Path("/srv/other")}, {"connect": "qemu+ssh://far/system"}],
    ids=["instance", "state", "connect"],
)
def test_daemon_that_is_not_the_one_that_is_meant_refuses_and_says_which_it_is(
    served: Served, change: dict[str, object]
) -> None:
    client = Client(served.settings.model_copy(update=change))

    with pytest.raises(
        OrderError, match=f"a different {next(iter(change))}; this one has instance lab, state "
    ):
        client.order("suspend", {"all": True})

    assert served.state.suspended() == {}
    assert served.client().order("suspend", {"all": True})


@pytest.mark.parametrize("lacks", ["certificate", "key"])
def test_file_of_tls_that_is_absent_is_named(tmp_path: Path, lacks: str) -> None:
    (tmp_path / "tokens").touch(0o600)
    door = dict.fromkeys(("certificate", "key", "tokens"), tmp_path / "tokens")
    listen = f"127.0.0.1:{free_port()}"
    served = Served(tmp_path, {"tcp": {**door, lacks: tmp_path / "absent", "listen": listen}})

    served.open()

    assert served.doors._told["tcp"].startswith(
        f"control.tcp.{lacks}: {tmp_path}/absent cannot be read: No such file or directory"
    )


def test_missing_token_is_told_from_a_wrong_one(remote: Served) -> None:
    assert b"no token was sent" in over_tls(remote, request("GET /v1/status"))
    wrong = request("GET /v1/status", Authorization="Bearer nonsense")
    assert b"the token is not accepted" in over_tls(remote, wrong)


def test_file_of_tokens_that_became_unusable_is_logged_once(
    remote: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tokens").write_text("nonsense\n")

    for _ in range(2):
        header = f"Bearer {TOKENS['viewer']}"
        assert status_of(over_tls(remote, request("GET /v1/status", Authorization=header))) == 401

    assert capsys.readouterr().out.count("door.tokens_unusable") == 1
