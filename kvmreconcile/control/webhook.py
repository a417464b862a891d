"""Authenticate the webhook requests of a git server with a shared secret."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.settings.credentials import find_credential


def hook_secret(settings: ControlSettings) -> bytes:
    """Return the current secret of the webhook; empty if it is not set or cannot be read."""
    file = find_credential(settings.hook_secret, "git-hook-secret")
    try:
        return file.read_bytes().strip() if file else b""
    except OSError:
        return b""


def is_authentic(body: bytes, headers: Mapping[str, str], secret: bytes) -> bool:
    """
    Return whether the sender of a request knows the secret.

    Args:
        headers: The headers, with names in lower case. They contain an HMAC of the body (GitHub, Gitea and Forgejo)
            or the secret as a token (GitLab).
    """
    signature = "sha256=" + hmac.new(secret, body, sha256).hexdigest()
    signature_sent = headers.get("x-hub-signature-256", "").encode()
    token = headers.get("x-gitlab-token", "").encode()
    # Both values are always compared, and the time taken does not depend on where they differ.
    is_signed = hmac.compare_digest(signature_sent, signature.encode())
    is_token = hmac.compare_digest(token, secret)
    return is_signed or is_token
