"""Define the settings of the control socket and API, and of their users."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from kvmreconcile.schema.section import Spec


class UserListSettings(Spec):
    """Users of this host with a role."""

    users: Annotated[
        tuple[str, ...],
        Field(description='Names of users with this role. Defaults to "[]".'),
    ] = ()
    groups: Annotated[
        tuple[str, ...],
        Field(description='Names of groups. All members have this role. Defaults to "[]".'),
    ] = ()


class TcpSettings(Spec):
    """A TCP listener with TLS and token authentication."""

    listen: Annotated[
        str,
        Field(
            pattern=r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}$",
            description='IP address and port to listen on, such as "192.0.2.7:9443" or "[::1]:9443". Required.',
        ),
    ]
    certificate: Annotated[
        Path,
        Field(
            description="File with the certificate of this host, followed by intermediate certificates (PEM). "
            "Required."
        ),
    ]
    key: Annotated[
        Path | None,
        Field(
            description="File with the private key of the certificate (PEM). Defaults to the systemd credential "
            '"control-key".'
        ),
    ] = None
    tokens: Annotated[
        Path | None,
        Field(
            description='File with one "NAME ROLE TOKEN" per line. ROLE is viewer, operator or admin; TOKEN has at '
            "least 20 characters. The file must be readable only by the daemon. Defaults to the systemd "
            'credential "control-tokens".'
        ),
    ] = None
    names: Annotated[
        tuple[str, ...],
        Field(
            description="Host names with which clients may address this host; requests with other host names are "
            'refused. The address of `listen` and the setting `host` are always allowed. Defaults to "[]".'
        ),
    ] = ()


class ControlSettings(Spec):
    """The control socket and API."""

    socket: Annotated[
        str,
        Field(
            description='Path of the control socket; "none" disables the socket. Defaults to '
            "/run/kvmreconcile/control.sock for the instance `default`, and to "
            "/run/kvmreconcile@INSTANCE/control.sock for other instances."
        ),
    ] = ""
    group: Annotated[
        str,
        Field(description="Group of the socket file. Defaults to the group of the daemon."),
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
        Field(
            description="Users and groups that may approve plans, suspend and resume single objects, and request passes."
        ),
    ] = UserListSettings()
    admins: Annotated[
        UserListSettings,
        Field(
            description="Users and groups that have the rights of operators, may suspend and resume all objects, and may "
            'run "state accept". root and the user of the daemon always have this role.'
        ),
    ] = UserListSettings()
    tcp: Annotated[
        TcpSettings | None,
        Field(description="A TCP listener with TLS and token authentication. Defaults to none."),
    ] = None
    hook_secret: Annotated[
        Path | None,
        Field(
            description="File with the shared secret of the git webhook. Defaults to the systemd credential "
            '"git-hook-secret"; without a secret, the webhook is disabled.'
        ),
    ] = None
