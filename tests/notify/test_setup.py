"""From settings to a delivered notification, over real HTTP and without revealing the URL."""

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kvmreconcile.errors import SpecError
from kvmreconcile.notify import open_receivers
from kvmreconcile.notify.messages import Message, Topic
from kvmreconcile.notify.receiver import Receiver, close_all
from kvmreconcile.settings.loading import read_settings
from kvmreconcile.settings.sections import NotifySettings
from tests.notify.http import Http, http

# apprise imports a module that Python will remove, and handles its absence.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRETS = ("hunter2", "s3cr3t")


@pytest.fixture
def server() -> Iterator[Http]:
    with http() as server:
        yield server


def open_receiver(**settings: object) -> Receiver:
    (receiver,) = open_receivers([NotifySettings.model_validate({"interval": "0s", **settings})], "kvm1")
    return receiver


def error_of(*settings: NotifySettings) -> str:
    with pytest.raises(SpecError) as caught:
        open_receivers(settings, "kvm1")
    return str(caught.value)


FAILED = Message(Topic.FAILED, "Domain/web", "Domain/web: <it> failed & fell")


def test_notification_text_arrives_unchanged(server: Http) -> None:
    receiver = open_receiver(url=server.url)
    receiver.start()
    receiver.enqueue([FAILED])

    came = server.next()

    assert came["title"] == "kvmreconcile on kvm1: 1 failed"
    assert came["message"] == "failed: Domain/web: <it> failed & fell"
    close_all([receiver], 30)


def test_url_is_read_from_file_or_credential(
    server: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notify-url").write_text(f"{server.url}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    receivers = [open_receiver(urlFile=tmp_path / "notify-url"), open_receiver(credential="notify-url")]

    for receiver in receivers:
        receiver.start()
        receiver.enqueue([FAILED])
        assert server.next()["message"]
    close_all(receivers, 30)


@pytest.mark.parametrize("status", [500, None])
def test_failed_delivery_is_logged_without_secret(
    server: Http, status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.status = status
    receiver = open_receiver(url=server.url + "?rto=0.5")
    with capture_logs() as lines:
        receiver.start()
        receiver.enqueue([FAILED])
        server.next()
        close_all([receiver], 30)

    assert receiver.tally.failed >= 1
    assert [line["event"] for line in lines] == ["notify.failed"]
    settings = f"{lines} {receiver.name} {caplog.text}"
    assert not [secret for secret in SECRETS if secret in settings]


def test_close_does_not_wait_for_hanging_server(server: Http) -> None:
    server.status = None
    receiver = open_receiver(url=server.url)
    receiver.start()
    receiver.enqueue([FAILED])
    server.next()
    began_s = time.monotonic()

    close_all([receiver], 0.2)

    assert time.monotonic() - began_s < 3


def test_unknown_service_is_refused_without_secret() -> None:
    text = error_of(NotifySettings.model_validate({"url": "slackk://hunter2/s3cr3t"}))

    assert text.startswith("notify[0]: apprise does not accept this URL")
    assert not [secret for secret in SECRETS if secret in text]


def test_missing_apprise_is_reported_with_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert "pip install 'kvmreconcile[notify]'" in error_of(
        NotifySettings.model_validate({"url": "json://x"})
    )
    assert open_receivers([], "kvm1") == ()


def test_missing_empty_or_long_url_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "url"
    settings = NotifySettings.model_validate({"urlFile": str(file)})

    assert f"{file} cannot be read: No such file" in error_of(settings)
    for text in ("\n", "json://a\njson://hunter2\n"):
        file.write_text(text)
        assert "must contain exactly one line" in error_of(settings)
    assert "hunter2" not in error_of(settings)


def test_missing_credential_is_reported_with_unit_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = NotifySettings.model_validate({"credential": "notify-url"})
    todo = "add LoadCredential=notify-url:FILE to the unit, or use urlFile"

    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert error_of(settings) == f"notify[0].credential: systemd passed no credentials; {todo}"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert error_of(settings).endswith(f"notify-url cannot be read: No such file or directory; {todo}")


def test_duplicate_receiver_name_is_refused() -> None:
    settings = NotifySettings.model_validate({"url": "json://x", "name": "mail"})

    assert 'two receivers are named "mail"' in error_of(settings, settings)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("[{}]", "notify.0: set exactly one of"),
        ("[{url: 'json://hunter2', credential: a}]", "notify.0: set exactly one of"),
        ("[{credential: a/b}]", "notify.0.credential"),
        ("[{credential: a, on: [broken]}]", "notify.0.on.0"),
        ("[{credential: a, on: []}]", "notify.0.on"),
        ("[{uri: 'json://hunter2'}]", "did you mean 'url'?"),
    ],
)
def test_invalid_settings_are_reported_without_secret(settings: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_settings(None, {"KVMRECONCILE_NOTIFY": settings})

    assert problem in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_url_is_hidden_when_settings_are_printed() -> None:
    settings = read_settings(None, {"KVMRECONCILE_NOTIFY": "[{url: 'json://hunter2', on: [held]}]"})

    assert settings.notify[0].on == ("held",)
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"
