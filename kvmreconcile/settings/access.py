"""Define the settings of the control socket and API, and of the users who may send orders."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from kvmreconcile.schema.section import Spec


class UserListSettings(Spec):
    """Users of this host."""

    users: Annotated[
        tuple[str, ...],
        Field(description='Names of the users who have this role. Defaults to "[]".'),
    ] = ()
    groups: Annotated[
        tuple[str, ...],
        Field(description='Names of groups whose members have this role. Defaults to "[]".'),
    ] = ()


class TcpSettings(Spec):
    """A TCP listener with TLS and token authentication."""

    listen: Annotated[
        str,
        Field(
            pattern=r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}$",
            description='An address and a port, such as "192.0.2.7:9443" or "[::1]:9443". Required.',
        ),
    ]
    certificate: Annotated[
        Path,
        Field(
            description="A file with the certificate of this host, followed by intermediate certificates (PEM). Required."
        ),
    ]
    key: Annotated[
        Path | None,
        Field(
            description="A file with the key of the certificate (PEM). Defaults to systemd's credential "
            '"control-key".'
        ),
    ] = None
    tokens: Annotated[
        Path | None,
        Field(
            description='A file that only the daemon can read, with "NAME ROLE TOKEN" on each line; the role is '
            "viewer, operator or admin, the token at least 20 characters. Defaults to systemd's credential "
            '"control-tokens".'
        ),
    ] = None
    names: Annotated[
        tuple[str, ...],
        Field(
            description="Host names under which clients may reach this host; a request for another one is refused. The "
            'address itself and the setting `host` are always allowed. Defaults to "[]".'
        ),
    ] = ()


class ControlSettings(Spec):
    """The control socket and API."""

    socket: Annotated[
        str,
        Field(
            description='Path of the control socket; "none" for no socket. Defaults to '
            "/run/kvmreconcile/control.sock, and for an instance with another name than default to "
            "/run/kvmreconcile@INSTANCE/control.sock."
        ),
    ] = ""
    group: Annotated[
        str,
        Field(description="The group that owns the socket. Defaults to the daemon's own."),
    ] = ""
    mode: Annotated[
        str,
        Field(
            pattern="^0?[0-7]{3}$",
            description="File mode of the socket. Users with write access can read everything that the daemon reports. "
            'Defaults to "0660".',
        ),
    ] = "0660"
    operators: Annotated[
        UserListSettings,
        Field(description="Users and groups that may approve, suspend, resume and reconcile."),
    ] = UserListSettings()
    admins: Annotated[
        UserListSettings,
        Field(
            description='Users and groups that may also suspend and resume all objects and run "state accept". root and the '
            "daemon's own user always may."
        ),
    ] = UserListSettings()
    tcp: Annotated[
        TcpSettings | None,
        Field(description="A TCP listener with TLS and token authentication. Defaults to none."),
    ] = None
    hook_secret: Annotated[
        Path | None,
        Field(
            description="File with the shared secret of the git webhook. Defaults to systemd's credential "
            '"git-hook-secret"; without either the webhook is disabled.'
        ),
    ] = None
