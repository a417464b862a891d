"""Make the environment and the configuration with which git runs."""

import os
import shlex
from collections.abc import Mapping

from kvmreconcile.source.git.reasons import TRANSPORTS
from kvmreconcile.source.git.remote import Credentials

_SETTINGS_PREFIX = "KVMRECONCILE_"
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "transfer.fsckObjects": "true",
    # In the background it would outlive this process; in the foreground it delays nothing.
    "gc.autoDetach": "false",
}


def make_environment(credentials: Credentials) -> Mapping[str, str]:
    """Return the environment variables of git, without configuration files of this host."""
    # Without kvmreconcile's own settings, which may contain passwords of notification URLs.
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
    """Return git's configuration settings for every command."""
    if credentials.passwords is None:
        return _SETTINGS
    return {**_SETTINGS, "credential.helper": f"store --file={shlex.quote(str(credentials.passwords))}"}
