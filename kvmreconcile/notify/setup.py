"""
Create the configured receivers, which send notifications with the library apprise.

apprise is optional, and only this module loads it. The URLs of receivers are secrets, because they contain passwords
and tokens.
"""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.model.commands import quote
from kvmreconcile.notify.messages import Topic
from kvmreconcile.notify.receiver import Receiver, Send
from kvmreconcile.settings.sections import NotifySettings

_INSTALL = "-m pip install 'kvmreconcile[notify]'"
_LOGGERS = ("apprise", "urllib3", "requests")
"""Loggers of libraries that may log the URL of a receiver."""


def open_receivers(receivers: Sequence[NotifySettings], host: str) -> tuple[Receiver, ...]:
    """
    Return a receiver for each entry of the setting `notify`.

    Args:
        receivers: The entries.
        host: The host name for the titles of notifications.

    Raises:
        SpecError: apprise is not installed, two names are equal, a URL cannot be read, or apprise does not accept a
            URL.
    """
    if not receivers:
        return ()
    names = [each.name or f"notify[{number}]" for number, each in enumerate(receivers)]
    if duplicate := next((name for name in names if names.count(name) > 1), ""):
        raise SpecError(
            [Problem("notify", f'two receivers are named "{duplicate}"', "give each receiver a unique name")]
        )
    apprise = _apprise()
    return tuple(_open(apprise, each, f"notify[{number}]", host) for number, each in enumerate(receivers))


def _apprise() -> Any:
    try:
        import apprise  # noqa: PLC0415  an extra that few install, and slow to load
    except ImportError:
        what = "notifications need the library apprise, which is not installed or cannot be imported"
        todo = f"remove `notify` from the settings, or install apprise: {quote(sys.executable)} {_INSTALL}"
        raise SpecError([Problem("notify", what, todo)]) from None
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return apprise


def _open(apprise: Any, settings: NotifySettings, where: str, host: str) -> Receiver:
    # apprise's own timeout would leave threads behind that keep the process from exiting; sockets have timeouts.
    asset = apprise.AppriseAsset(
        app_id="kvmreconcile", async_mode=False, storage_mode="memory", service_timeout=0
    )
    service = apprise.Apprise(asset=asset)
    url = _url(settings, where)
    if not service.add(url.get_secret_value()):
        what = "apprise does not accept this URL: the service is unknown, a part of the URL is invalid, or a Python package is missing"
        raise SpecError(
            [Problem(where, what, "see https://github.com/caronc/apprise/wiki for the format of URLs")]
        )
    return Receiver(
        settings.name or where,
        host,
        [Topic(word) for word in settings.on],
        settings.interval_s,
        _sender(apprise, service),
    )


def _sender(apprise: Any, service: Any) -> Send:
    def send(title: str, text: str) -> bool:
        # `notify` returns a false value on failure, and raises no error.
        return bool(service.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT))

    return send


def _url(settings: NotifySettings, where: str) -> SecretStr:
    """Return the URL of a receiver from the settings, from a file or from a credential."""
    if settings.url is not None:
        return settings.url
    todo = "create a readable text file that contains only the URL, on one line"
    if settings.url_file is None:
        where, todo = (
            f"{where}.credential",
            f"add LoadCredential={settings.credential}:FILE to the unit, or use urlFile",
        )
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if settings.url_file is None and directory is None:
        raise SpecError([Problem(where, "systemd passed no credentials", todo)])
    file = settings.url_file or Path(directory or "", settings.credential)
    expected = (
        f"write one line with a URL into {'the file' if settings.url_file else 'the file of the credential'}"
    )
    try:
        text = file.read_text().strip()
    except OSError as error:
        raise SpecError([Problem(where, f"{file} cannot be read: {error.strerror}", todo)]) from None
    except UnicodeDecodeError:
        raise SpecError([Problem(where, f"{file} is not UTF-8 text", expected)]) from None
    if len(text.splitlines()) != 1:
        raise SpecError([Problem(where, f"{file} must contain exactly one line", expected)])
    return SecretStr(text)
