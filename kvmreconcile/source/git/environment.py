"""Create the environment and configuration for git."""

import os
import shlex
from collections.abc import Mapping

from kvmreconcile.source.git.reasons import TRANSPORTS
from kvmreconcile.source.git.remote import Credentials

_SETTINGS_PREFIX = "KVMRECONCILE_"
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "transfer.fsckObjects": "true",
    # In the background, gc could outlive this process. In the foreground, it causes no delay.
    "gc.autoDetach": "false",
}


def make_environment(credentials: Credentials) -> Mapping[str, str]:
    """Return git's environment variables, which exclude this host's configuration files."""
    # kvmreconcile's own settings are omitted, as they may contain passwords in notification URLs.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_PREFIX)}
    ssh = ["ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes"]
    if credentials.ssh_key:
        ssh += ["-oIdentitiesOnly=yes", "-i", str(credentials.ssh_key)]
    if credentials.known_hosts:
        ssh.append(f"-oUserKnownHostsFile={credentials.known_hosts}")
    return {
        **inherited,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": TRANSPORTS,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_SSH_COMMAND": shlex.join(ssh),
        "LC_ALL": "C",
    }


def make_settings(credentials: Credentials) -> dict[str, str]:
    """Return the configuration settings for all git commands."""
    if credentials.passwords is None:
        return _SETTINGS
    return {**_SETTINGS, "credential.helper": f"store --file={shlex.quote(str(credentials.passwords))}"}
