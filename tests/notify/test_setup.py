"""From settings to a notification that arrives: over real HTTP, and without a word of where it goes."""

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
from kvmreconcile.notify.receiver import Receiver, close
from kvmreconcile.settings.loading import read_settings
from kvmreconcile.settings.sections import NotifySettings
from tests.notify.http import Http, http

# apprise loads a module that Python is about to drop, and has an answer to that.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRETS = ("hunter2", "s3cr3t")


@pytest.fixture
def server() -> Iterator[Http]:
    with http() as server:
        yield server


def opened(**said: object) -> Receiver:
    (receiver,) = open_receivers([NotifySettings.model_validate({"interval": "0s", **said})], "kvm1")
    return receiver


def refusal(*said: NotifySettings) -> str:
    with pytest.raises(SpecError) as caught:
        open_receivers(said, "kvm1")
    return str(caught.value)


FAILED = Message(Topic.FAILED, "Domain/web", "Domain/web: <it> failed & fell")


def test_notification_arrives_as_it_was_written(server: Http) -> None:
    receiver = opened(url=server.url)
    receiver.start()
    receiver.offer([FAILED])

    came = server.next()

    assert came["title"] == "kvmreconcile on kvm1: 1 failed"
    assert came["message"] == "failed: Domain/web: <it> failed & fell"
    close([receiver], 30)


def test_url_is_read_from_a_file_or_a_credential(
    server: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notify-url").write_text(f"{server.url}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    receivers = [opened(urlFile=tmp_path / "notify-url"), opened(credential="notify-url")]

    for receiver in receivers:
        receiver.start()
        receiver.offer([FAILED])
        assert server.next()["message"]
    close(receivers, 30)


@pytest.mark.parametrize("status", [500, None])
def test_refusal_and_silence_are_failures_that_name_no_secret(
    server: Http, status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.status = status
    receiver = opened(url=server.url + "?rto=0.5")
    with capture_logs() as lines:
        receiver.start()
        receiver.offer([FAILED])
        server.next()
        close([receiver], 30)

    assert receiver.tally.failed >= 1
    assert [line["event"] for line in lines] == ["notify.failed"]
    said = f"{lines} {receiver.name} {caplog.text}"
    assert not [secret for secret in SECRETS if secret in said]


def test_stop_does_not_wait_for_a_receiver_that_hangs(server: Http) -> None:
    server.status = None
    receiver = opened(url=server.url)
    receiver.start()
    receiver.offer([FAILED])
    server.next()
    began_s = time.monotonic()

    close([receiver], 0.2)

    assert time.monotonic() - began_s < 3


def test_service_that_nobody_knows_is_refused_without_its_secret() -> None:
    text = refusal(NotifySettings.model_validate({"url": "slackk://hunter2/s3cr3t"}))

    assert text.startswith("notify[0]: apprise does not accept this URL")
    assert not [secret for secret in SECRETS if secret in text]


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert "pip install 'kvmreconcile[notify]'" in refusal(NotifySettings.model_validate({"url": "json://x"}))
    assert open_receivers([], "kvm1") == ()


def test_file_that_is_absent_empty_or_long_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "url"
    said = NotifySettings.model_validate({"urlFile": str(file)})

    assert f"{file} cannot be read: No such file" in refusal(said)
    for text in ("\n", "json://a\njson://hunter2\n"):
        file.write_text(text)
        assert "must contain exactly one line" in refusal(said)
    assert "hunter2" not in refusal(said)


def test_credential_that_systemd_did_not_pass_says_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = NotifySettings.model_validate({"credential": "notify-url"})
    todo = "add LoadCredential=notify-url:FILE to the unit, or use urlFile"

    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert refusal(said) == f"notify[0].credential: systemd passed no credentials; {todo}"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert refusal(said).endswith(f"notify-url cannot be read: No such file or directory; {todo}")


def test_two_receivers_have_two_names() -> None:
    said = NotifySettings.model_validate({"url": "json://x", "name": "mail"})

    assert 'two receivers are named "mail"' in refusal(said, said)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("[{}]", "notify.0: set exactly one of"),
        ("[{url: 'json://hunter2', credential: a}]", "notify.0: set exactly one of"),
        ("[{credential: a/b}]", "notify.0.credential"),
        ("[{credential: a, on: [broken]}]", "notify.0.on.0"),
        ("[{credential: a, on: []}]", "notify.0.on"),
        ("[{uri: 'json://hunter2'}]", "did you mean 'url'?"),
    ],
)
def test_settings_that_are_wrong_are_named_without_their_secret(said: str, wrong: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_settings(None, {"KVMRECONCILE_NOTIFY": said})

    assert wrong in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_settings_never_show_a_url() -> None:
    settings = read_settings(None, {"KVMRECONCILE_NOTIFY": "[{url: 'json://hunter2', on: [held]}]"})

    assert settings.notify[0].on == ("held",)
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"
