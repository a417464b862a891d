"""
From settings to receivers: find what each is sent to, and the library that sends it.

Separate from the receivers, and the only place that knows apprise, which few need: it is loaded only here. What
is sent to is a secret from the first to the last, since passwords and tokens are part of it.
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
"""Who else has a word to say of what is sent, and may name where to."""


def open_receivers(said: Sequence[NotifySettings], host: str) -> tuple[Receiver, ...]:
    """
    Return a receiver for each that the settings name.

    Raises:
        SpecError: apprise is not installed, a secret cannot be read, or apprise knows no such service.
    """
    if not said:
        return ()
    names = [each.name or f"notify[{number}]" for number, each in enumerate(said)]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise SpecError([Problem("notify", f'two receivers are named "{twice}"', "give each a unique name")])
    apprise = _apprise()
    return tuple(_open(apprise, each, f"notify[{number}]", host) for number, each in enumerate(said))


def _apprise() -> Any:
    try:
        import apprise  # noqa: PLC0415  an extra that few install, and slow to load
    except ImportError:
        what = "notifications are sent by apprise, which is not installed or cannot be imported"
        todo = f"take `notify` out of the settings, or install it: {quote(sys.executable)} {_INSTALL}"
        raise SpecError([Problem("notify", what, todo)]) from None
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return apprise


def _open(apprise: Any, said: NotifySettings, where: str, host: str) -> Receiver:
    # Its own limit of time would leave threads behind that keep the process from its end; sockets have limits.
    asset = apprise.AppriseAsset(
        app_id="kvmreconcile", async_mode=False, storage_mode="memory", service_timeout=0
    )
    service = apprise.Apprise(asset=asset)
    url = _url(said, where)
    if not service.add(url.get_secret_value()):
        what = "apprise does not accept this URL: its service is unknown, a part of it is wrong, or a Python package is missing"
        raise SpecError(
            [Problem(where, what, "see https://github.com/caronc/apprise/wiki for how it is written")]
        )
    return Receiver(
        said.name or where,
        host,
        [Topic(word) for word in said.on],
        said.interval_s,
        _sender(apprise, service),
    )


def _sender(apprise: Any, service: Any) -> Send:
    def send(title: str, text: str) -> bool:
        # What it returns is false on failure, and never raised.
        return bool(service.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT))

    return send


def _url(said: NotifySettings, where: str) -> SecretStr:
    """Return what is sent to, from wherever the settings say it is."""
    if said.url is not None:
        return said.url
    todo = "make it a readable text file with one line, the URL"
    if said.url_file is None:
        where, todo = (
            f"{where}.credential",
            f"add LoadCredential={said.credential}:FILE to the unit, or use urlFile",
        )
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if said.url_file is None and directory is None:
        raise SpecError([Problem(where, "systemd passed no credentials", todo)])
    file = said.url_file or Path(directory or "", said.credential)
    written = f"write one line with a URL into {'it' if said.url_file else 'the file of the credential'}"
    try:
        text = file.read_text().strip()
    except OSError as error:
        raise SpecError([Problem(where, f"{file} cannot be read: {error.strerror}", todo)]) from None
    except UnicodeDecodeError:
        raise SpecError([Problem(where, f"{file} is not UTF-8 text", written)]) from None
    if len(text.splitlines()) != 1:
        raise SpecError([Problem(where, f"{file} must contain exactly one line", written)])
    return SecretStr(text)
