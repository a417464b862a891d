"""Requests and orders through real sockets, including unauthorized and malicious clients."""

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
    pass_planned,
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
    """A daemon with a TCP listener and a webhook."""
    (tmp_path / "tokens").write_text("".join(f"{name} {name} {token}\n" for name, token in TOKENS.items()))
    (tmp_path / "tokens").chmod(0o600)
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    tcp_settings = {
        "certificate": tls[0],
        "key": tls[1],
        "tokens": tmp_path / "tokens",
        "names": ["hosts.example.org"],
    }
    served = Served(
        tmp_path,
        {"tcp": {**tcp_settings, "listen": f"127.0.0.1:{free_port()}"}, "hookSecret": tmp_path / "secret"},
    )
    served.open()
    yield served
    served.close()


def over_tls(served: Served, sent: bytes) -> bytes:
    tcp = served.settings.control.tcp
    assert tcp
    return served.raw(sent, dial=lambda: dial_tls(int(tcp.listen.rpartition(":")[2]), tcp.certificate))


def test_status_is_served_for_all_objects_and_for_one_object(served: Served) -> None:
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


def test_readyz_fails_after_aborted_pass_and_without_libvirt(served: Served) -> None:
    assert status_of(served.raw(request("GET /readyz"))) == 200

    served.latest_status(PassFailed(datetime.now(UTC), "p2", "the disk is full"))
    assert status_of(served.raw(request("GET /readyz"))) == 503

    served.latest_status(pass_planned(Plan()))
    assert status_of(served.raw(request("GET /readyz"))) == 200
    served.latest_status(Lost(datetime.now(UTC), "", "reset"))
    assert status_of(served.raw(request("GET /readyz"))) == 503
    assert status_of(served.raw(request("GET /healthz"))) == 200


def test_healthz_fails_while_thread_is_stuck(served: Served) -> None:
    assert served.raw(request("GET /healthz")).endswith(b'{"alive":true,"stuck":[]}')

    served.stuck = ("passes",)
    answer = served.raw(request("GET /healthz"))

    assert status_of(answer) == 503
    assert answer.endswith(b'{"alive":false,"stuck":["passes"]}')


def test_additional_pages_are_served_unchanged(served: Served) -> None:
    answer = served.raw(request("GET /metrics"))

    assert answer.endswith(b"\r\n\r\nup 1\n")
    assert b"content-type: text/plain" in answer


def test_suspend_is_stored_published_and_triggers_pass(served: Served) -> None:
    until = datetime.now(UTC) + timedelta(hours=2)

    body = served.client().order(
        "suspend", {"key": "Domain/web", "until": until.isoformat(), "why": "a copy"}
    )

    assert body.startswith("Domain/web is suspended until 20")
    suspension = served.state.suspended()[WEB]
    assert (suspension.until, suspension.why, suspension.who) == (until, "a copy", "root")
    (order,) = served.events
    assert isinstance(order, OrderGiven)
    assert (order.order, order.about, order.who, order.why) == ("suspend", "Domain/web", "root", "a copy")
    assert served.triggers == ["Domain/web"]

    assert served.client().order("resume", {"key": "Domain/web"}) == "Domain/web is resumed"
    assert (
        served.client().order("resume", {"key": "Domain/web"}) == "Domain/web was not suspended individually"
    )
    assert served.state.suspended() == {}
    assert served.triggers == ["Domain/web", "Domain/web"]


def test_all_objects_are_suspended_and_resumed(served: Served) -> None:
    assert served.client().order("suspend", {"all": True}).startswith("all objects are suspended")
    assert list(served.state.suspended()) == [None]

    served.client().order("resume", {"all": True})

    assert served.state.suspended() == {}
    assert served.triggers == ["suspend", "resume"]


def test_reconcile_triggers_pass_and_retry(served: Served) -> None:
    served.client().order("reconcile", {"key": "Domain/web"})
    assert (served.retried, served.triggers, served.spec_checks) == ([WEB], ["Domain/web"], 0)

    served.client().order("reconcile", {"all": True})
    assert (served.retried, served.triggers, served.spec_checks) == (
        [WEB, None],
        ["Domain/web", "reconcile"],
        1,
    )


@pytest.mark.parametrize("order_name", ["suspend", "reconcile"])
def test_order_for_unknown_object_is_refused_with_suggestion(served: Served, order_name: str) -> None:
    with pytest.raises(NotKnown, match="did you mean 'Domain/web'"):
        served.client().order(order_name, {"key": "Domain/webb"})

    assert served.state.suspended() == {}
    assert not served.events


def test_approval_is_answered_by_pass(served: Served) -> None:
    def approved(made: str | None) -> str:
        with ThreadPoolExecutor(1) as pool:
            order = pool.submit(served.client().order, "approve", {"digest": "abc"})
            wait_until(lambda: served.triggers == ["approve"], "a pass is asked for")
            served.triggers.clear()
            with served.approvals.take() as approval:
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


def test_approval_times_out_without_pass(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "PATIENCE_S", 0.5)
    with pytest.raises(NotNow, match="no pass started in time"):
        served.client().order("approve", {"digest": "abc"})

    with ThreadPoolExecutor(1) as pool:
        served.triggers.clear()
        order = pool.submit(served.client().order, "approve", {"digest": "abc"})
        wait_until(lambda: served.triggers == ["approve"], "a pass is asked for")
        with served.approvals.take() as approval:
            assert approval
            assert "so the plan may still be executed; see: kvmreconcile history" in str(order.exception())


def test_approval_times_out_before_request_does() -> None:
    assert 2 * orders.PATIENCE_S < guard.ANSWER_S


def test_answer_timeout_is_not_logged_as_crash(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "ANSWER_S", 0.2)
    monkeypatch.setattr(orders, "PATIENCE_S", 0.5)

    with pytest.raises(OrderError):
        served.client().order("approve", {"digest": "abc"})

    seen = capsys.readouterr().out
    assert "door.timeout" in seen
    assert "door.crashed" not in seen


def test_approval_is_refused_without_libvirt_and_while_stopping(served: Served) -> None:
    served.approvals.close()
    with pytest.raises(NotNow, match="the daemon is stopping"):
        served.client().order("approve", {"digest": "abc"})

    served.latest_status(Lost(datetime.now(UTC), "", "reset"))
    with pytest.raises(NotNow, match="there is no connection to libvirt"):
        served.client().order("approve", {"digest": "abc"})


def test_state_accept_binds_state_to_connected_host(served: Served) -> None:
    answer = served.client().order("state/accept", {"why": "new board"})

    assert answer.startswith(f"the state now belongs to {HOST}")

    assert served.state.binding.host() == HOST
    (order,) = served.events
    assert isinstance(order, OrderGiven)
    assert (order.order, order.about, order.who, order.why) == ("accept", "", "root", "new board")
    assert served.triggers == ["accept"]


def test_state_accept_is_refused_without_connection(served: Served) -> None:
    served.latest_status(Lost(datetime.now(UTC), "", "reset"))

    with pytest.raises(NotNow, match="there is no connection to libvirt, so the host cannot be identified"):
        served.client().order("state/accept", {})

    assert served.state.binding.host() is None


def test_state_accept_is_refused_without_host_uuid(served: Served) -> None:
    served.latest_status(Connected(datetime.now(UTC), "test:///default", None))

    with pytest.raises(NotNow, match="libvirt at test:///default did not report the UUID of its host"):
        served.client().order("state/accept", {})


def test_reconcile_reports_lost_connection(served: Served) -> None:
    assert served.client().order("reconcile", {"all": True}) == "a pass over all objects is scheduled"

    served.latest_status(Lost(datetime.now(UTC), "", "reset"))

    assert served.client().order("reconcile", {"all": True}) == (
        "a pass over all objects is scheduled; the pass runs once libvirt can be reached (reset)"
    )


@pytest.mark.parametrize(
    ("role", "order_name", "body", "where"),
    [
        ("viewer", "reconcile", {"all": True}, "reconcile"),
        ("viewer", "reconcile", {"key": "Domain/web"}, "reconcile Domain/web"),
        ("operator", "suspend", {"all": True}, "suspend --all"),
        ("operator", "state/accept", {}, "state accept"),
    ],
)
def test_refused_order_is_reported_as_a_command_line(
    remote: Served, role: str, order_name: str, body: dict[str, object], where: str
) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[role]}", "Content-Type": "application/json"}

    answer = over_tls(remote, request(f"POST /v1/{order_name}", json.dumps(body).encode(), **headers))

    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["where"] == where


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_state_accept_needs_admin_role(remote: Served, role: str) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[role]}", "Content-Type": "application/json"}

    answer = over_tls(remote, request("POST /v1/state/accept", b"{}", **headers))

    assert status_of(answer) == 403
    assert remote.state.binding.host() is None


@pytest.mark.parametrize(
    ("role", "order_name", "body", "allowed"),
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
def test_orders_need_a_sufficient_role(
    remote: Served, role: str, order_name: str, body: dict[str, object], *, allowed: bool
) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[role]}", "Content-Type": "application/json"}

    answer = over_tls(remote, request(f"POST /v1/{order_name}", json.dumps(body).encode(), **headers))

    assert status_of(answer) == (200 if allowed else 403)
    (event,) = (
        remote.events
        if order_name != "resume" or not allowed
        else (OrderGiven(datetime.now(UTC), order_name, "", role),)
    )
    assert isinstance(event, OrderGiven if allowed else OrderRefused)
    assert (event.order, event.who) == (order_name, role)
    assert allowed or remote.state.suspended() == {}
    assert allowed or f"{role} has the role {role}; this order needs " in answer.decode()


@pytest.mark.parametrize("header", ["", f"Bearer {TOKENS['viewer']}x", f"Basic {TOKENS['admin']}", "Bearer"])
def test_tcp_requests_need_valid_token(remote: Served, header: str) -> None:
    for line in ("GET /v1/status", "GET /metrics", "GET /v1/openapi.json", "POST /v1/reconcile"):
        answer = over_tls(remote, request(line, Authorization=header))
        assert status_of(answer) == 401
        assert b"lab" not in answer
    assert status_of(over_tls(remote, request("GET /readyz", Authorization=header))) == 200


def test_revoked_token_is_rejected_at_once(remote: Served) -> None:
    query = request("GET /v1/status", Authorization=f"Bearer {TOKENS['viewer']}")
    assert status_of(over_tls(remote, query)) == 200

    (remote.home / "tokens").write_text("")

    assert status_of(over_tls(remote, query)) == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [("hosts.example.org", 200), ("kvm1:9443", 200), ("127.0.0.1", 200), ("evil.example", 421), ("", 400)],
)
def test_request_with_unknown_host_header_is_refused(remote: Served, host: str, status: int) -> None:
    query = request("GET /v1/status", Host=host, Authorization=f"Bearer {TOKENS['admin']}")

    assert status_of(over_tls(remote, query)) == status


def test_untrusted_certificate_is_rejected_by_client(remote: Served) -> None:
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
def test_authenticated_webhook_starts_a_check_for_specs(
    remote: Served, headers: dict[str, str], status: int
) -> None:
    sent = request("POST /v1/hooks/git", b'{"after": "x"}', **headers)

    assert status_of(over_tls(remote, sent)) == status
    assert remote.spec_checks == (status == 202)
    assert not remote.events


def test_webhook_is_disabled_without_secret(served: Served) -> None:
    sent = request("POST /v1/hooks/git", b"", X_Hub_Signature_256=signature(b"", b""))

    assert status_of(served.raw(sent)) == 404
    assert served.spec_checks == 0


JSON = {"Content_Type": "application/json"}


def test_connection_without_request_is_closed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.3)

    assert served.raw(b"") == b""
    assert served.raw(b"GET /v1/sta") == b""


@pytest.mark.case("21")
def test_connections_without_tls_handshake_are_closed_and_do_not_block_clients(
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

    # Connections above the limit are closed at once, and the others after the timeout of the TLS handshake.
    assert [each.recv(1) for each in silent] == [b""] * len(silent)
    assert status_of(over_tls(remote, request("GET /readyz"))) == 200
    for each in silent:
        each.close()


@pytest.mark.case("22")
def test_connection_above_user_limit_is_refused_in_json_until_another_closes(
    served: Served,
) -> None:
    # This user is root, and may use the reserved connections, too.
    connections = [served.dial() for _ in range(admission.PER_USER + admission.RESERVED)]

    with pytest.raises(OrderError, match="too many connections"):
        served.client().get("/v1/status")

    for each in connections:
        each.close()
    wait_until(lambda: status_of(served.raw(request("GET /v1/status"))) == 200, "there is room again")


def test_status_does_not_wait_for_pending_orders(served: Served) -> None:
    with ThreadPoolExecutor(8) as pool:
        approvals = [pool.submit(served.client().order, "approve", {"digest": "abc"}) for _ in range(8)]
        wait_until(lambda: len(served.triggers) == 8, "all have been given")

        assert served.client().get("/v1/status")["plan"] == "abc"

        served.approvals.close()
        assert all(isinstance(order.exception(), NotNow) for order in approvals)


def test_socket_is_opened_after_another_daemon_closes_its_socket(tmp_path: Path) -> None:
    first, second = Served(tmp_path), Served(tmp_path)
    first.open()
    second.open()
    assert first.client().get("/v1/status")
    first.close()

    second.listeners.maintain()

    assert second.client().get("/v1/status")
    second.close()
    second.listeners.maintain()
    with pytest.raises(
        NoDaemon,
        match="no daemon listens on this socket; if the daemon runs, name its settings with --config, or look for",
    ):
        second.client().get("/v1/status")


def test_invalid_certificate_is_reported_and_socket_still_opens(tmp_path: Path) -> None:
    (tmp_path / "tokens").touch(0o600)
    tcp_settings = dict.fromkeys(("certificate", "key", "tokens"), tmp_path / "tokens")
    served = Served(tmp_path, {"tcp": {**tcp_settings, "listen": f"127.0.0.1:{free_port()}"}})

    served.open()

    assert served.client().get("/v1/status")
    assert f"key {tmp_path}/tokens cannot be used: " in served.listeners._reported["tcp"]
    served.close()


def test_answer_above_the_maximum_size_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LONGEST", 100)

    with pytest.raises(NoDaemon, match="no usable answer from the daemon: the answer is larger than"):
        served.client().get("/v1/status")


def test_user_without_socket_permission_gets_forbidden(served: Served) -> None:
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
@pytest.mark.parametrize("order_name", ["approve", "suspend", "resume", "reconcile"])
def test_orders_are_refused_while_state_belongs_to_another_host(served: Served, order_name: str) -> None:
    other = HostId(HOST.uuid, "qemu:///system")
    served.state.binding.bind(other)

    with pytest.raises(NotNow, match=r"this state belongs to .*kvmreconcile state accept"):
        served.client().order(
            order_name, {"digest": "abc"} if order_name == "approve" else {"key": "Domain/web"}
        )
    assert not served.events

    served.client().order("state/accept", {})
    assert served.client().order("suspend", {"key": "Domain/web"}) == "Domain/web is suspended"


@pytest.mark.case("15b")
def test_answers_warn_of_lost_state_until_accepted(served: Served) -> None:
    served.latest_status(pass_planned(Plan(in_sync=(WEB,), lost="the state was lost")))

    for order_name, body in (
        ("suspend", {"key": "Domain/web"}),
        ("resume", {"key": "Domain/web"}),
        ("reconcile", {"all": True}),
    ):
        assert served.client().order(order_name, body).endswith("; warning: the state was lost")
    assert served.client().get("/v1/status")["stateLost"] == "the state was lost"
    assert served.state.is_unproved()
    assert "if an earlier state was lost, its suspensions are not restored" in served.client().order(
        "state/accept", {}
    )
    assert not served.state.is_unproved()


@pytest.mark.case("23")
@pytest.mark.parametrize(
    "change",
    [{"instance": "other"}, {"state": Path("/srv/other")}, {"connect": "qemu+ssh://far/system"}],
    ids=["instance", "state", "connect"],
)
def test_request_for_another_daemon_is_refused_with_settings_of_this_daemon(
    served: Served, change: dict[str, object]
) -> None:
    client = Client(served.settings.model_copy(update=change))

    with pytest.raises(
        OrderError, match=f"a different {next(iter(change))}; this daemon has instance lab, state "
    ):
        client.order("suspend", {"all": True})

    assert served.state.suspended() == {}
    assert served.client().order("suspend", {"all": True})


@pytest.mark.parametrize("lacks", ["certificate", "key"])
def test_missing_tls_file_is_reported(tmp_path: Path, lacks: str) -> None:
    (tmp_path / "tokens").touch(0o600)
    tcp_settings = dict.fromkeys(("certificate", "key", "tokens"), tmp_path / "tokens")
    listen = f"127.0.0.1:{free_port()}"
    served = Served(tmp_path, {"tcp": {**tcp_settings, lacks: tmp_path / "absent", "listen": listen}})

    served.open()

    assert served.listeners._reported["tcp"].startswith(
        f"control.tcp.{lacks}: {tmp_path}/absent cannot be read: No such file or directory"
    )


def test_missing_and_invalid_token_have_different_errors(remote: Served) -> None:
    assert b"no token was sent" in over_tls(remote, request("GET /v1/status"))
    wrong = request("GET /v1/status", Authorization="Bearer nonsense")
    assert b"the token is not accepted" in over_tls(remote, wrong)


def test_unusable_token_file_is_logged_once(
    remote: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tokens").write_text("nonsense\n")

    for _ in range(2):
        header = f"Bearer {TOKENS['viewer']}"
        assert status_of(over_tls(remote, request("GET /v1/status", Authorization=header))) == 401

    assert capsys.readouterr().out.count("door.tokens_unusable") == 1
