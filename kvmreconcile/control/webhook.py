"""
Tell a forge's call from anybody else's.

Separate from the answer to it: a secret that both know is all there is to see here.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.settings.credentials import find_credential


def hook_secret(settings: ControlSettings) -> bytes:
    """Return the secret of the webhook as it is now, empty if there is none."""
    file = find_credential(settings.hook_secret, "git-hook-secret")
    try:
        return file.read_bytes().strip() if file else b""
    except OSError:
        return b""


def is_proved(body: bytes, headers: Mapping[str, str], secret: bytes) -> bool:
    """
    Tell whether a call comes from somebody who knows the secret.

    Args:
        headers: By names in small letters; the body's HMAC as GitHub, Gitea and Forgejo send it, or GitLab's token.
    """
    signature = "sha256=" + hmac.new(secret, body, sha256).hexdigest()
    said = headers.get("x-hub-signature-256", "").encode()
    token = headers.get("x-gitlab-token", "").encode()
    # Both are compared in any case, and neither stops at the first letter that differs.
    is_signed = hmac.compare_digest(said, signature.encode())
    is_token = hmac.compare_digest(token, secret)
    return is_signed or is_token
