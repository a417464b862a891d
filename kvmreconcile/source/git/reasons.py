"""Find the reason of a failure in git's output, and the advice to fix it."""

import re

TRANSPORTS = "file:ssh:https"
"""Allowed transports. They protect data on the network and cannot run a command from the URL."""
_PROGRESS = re.compile(
    r"(remote: )?\w+( \w+){0,2}: +\d+% |remote:(?: |$)|notice: |From |[ *+-] ?[ *+\[-]|\w+ing \w+: \d+, done"
)
"""Matches lines of git that are not the reason of a failure."""
_REFUSED = re.compile("remote: (?:ERROR|error|fatal): ")
"""Matches a reason from the server, which is used if there is no other reason."""
_GENERIC = "Could not read from remote repository"
_KEY = re.compile("(Warning: )?Identity file .* not accessible: |Load key ")
"""Matches messages of ssh about a key that it cannot use."""


def find_reason(printed: str) -> str:
    """
    Return the line with the reason of git's failure.

    A server may print other lines before this line, such as a banner.
    """
    lines = [line.strip() for line in re.split(r"[\r\n]", printed) if line.strip()]
    refused = [line for line in lines if _REFUSED.match(line)]
    lines = [line for line in lines if not _PROGRESS.match(line)]
    marked = [line for line in lines if line.startswith(("fatal: ", "error: ")) and _GENERIC not in line]
    if not marked and any(_GENERIC in line for line in lines):
        # The previous line contains ssh's reason. Earlier lines contain messages about unusable
        # keys.
        before = lines[: next(index for index, line in enumerate(lines) if _GENERIC in line)]
        keys = [line.rstrip(".") for line in before[:-1] if _KEY.match(line)]
        marked = ["; ".join(keys + before[-1:])]
    return next(filter(None, [*(marked or lines), *refused]), "").removeprefix("fatal: ")


def find_advice(printed: str) -> str:
    """
    Return the advice to fix an error of git, or of a program that git ran.

    Args:
        printed: "COMMAND: " followed by the command's output, such as "git fetch: fatal: ...".
    """
    return next((todo for pattern, todo in ADVICE if re.search(pattern, printed)), _STATE)


_AS_OWNER = "git runs as that user, even for root"
_ACCESS = (
    f"give access to that path: on this host to the owner of the state directory ({_AS_OWNER}), "
    "on a server to the user in git.url"
)
_READABLE = "which the owner of the state directory must be able to read"
_REPAIR = (
    "repair the history, or, if git can ignore the defect (such as zeroPaddedFilemode), "
    "add its name to git.accept"
)
_SERVER = "check that git.url is reachable, or raise git.timeout"
_STATE = "check permissions and free space of the state directory"
_TRUST = (
    "correct this host's clock if it is wrong, renew the server's certificate if it has expired, or add the "
    "certificate of its CA to those of this host (update-ca-certificates on Debian, update-ca-trust on Fedora "
    "and RHEL)"
)
_OWNER = (
    f"change the owner of the repository: on this host to the owner of the state directory ({_AS_OWNER}), "
    "or serve it over ssh or https; on a server to the user in git.url"
)
_NOT_FOUND = (
    "correct git.url, or give this host access to the repository; a web server that only serves files needs "
    '"git update-server-info" in the repository'
)
ADVICE = (
    ("git cannot be run: No such file", "install git"),
    # If ssh is missing, the shell reports it.
    (
        r"ssh-keygen cannot be run: No such file|\bssh: (command )?not found",
        "install openssh-client (Debian) or openssh-clients (Fedora, RHEL)",
    ),
    (
        "cannot be run: ",
        "correct the cause; the owner of the state directory must be able to run the program",
    ),
    ("not accessible: No such file", "correct git.sshKey"),
    (
        "not accessible: Permission denied",
        f"let the owner of the state directory search the directory of git.sshKey and read the key: {_AS_OWNER}",
    ),
    (
        "Load key .*: Permission denied",
        f"let the owner of the state directory read the key (git.sshKey): {_AS_OWNER}",
    ),
    ("Load key .*: bad permissions", "remove the permissions of group and others on the key (git.sshKey)"),
    (
        "Load key ",
        "set git.sshKey to an unencrypted private key in OpenSSH format",
    ),
    (
        "Host key verification failed",
        f"verify the server's host key and add it to git.knownHosts, {_READABLE}",
    ),
    # ssh lists the remaining authentication methods in the parentheses.
    (
        r"Permission denied \(",
        "add this host's public key on the server (git.sshKey), or correct the user in git.url",
    ),
    ("Permission denied|insufficient permission", _ACCESS),
    (
        "Authentication failed|returned error: 403",
        "check the credentials in git.passwords or git.url, and that they give access to the repository",
    ),
    (
        "could not read (Username|Password)",
        f"correct git.url, or give user and password in git.passwords, {_READABLE}",
    ),
    ("transport '.*' not allowed", f"use one of {TRANSPORTS.replace(':', ', ')}"),
    ("server (certificate )?verification failed", _TRUST),
    ("SSL certificate problem", _TRUST),
    ("git-upload-pack: (command )?not found", "install git on the server"),
    ("not found|could not be found", _NOT_FOUND),
    ("No space left|Disk quota exceeded", "free space on the file system of the state directory"),
    ("^git (ls-remote|fetch): no (progress|answer) within", _SERVER),
    ("no (progress|answer) within", "check the disk of the state directory, or raise git.timeout"),
    ("fsck error", _REPAIR),
    ("dubious ownership", _OWNER),
    ("^git (ls-remote|fetch): it printed more than", "check why the server sends that much"),
    ("it printed more than .* of messages", _REPAIR),
    ("it printed more than", "remove files from the repository, or set git.directory to a smaller directory"),
    ("^git fsck: ", _REPAIR),
    ("^git (ls-remote|fetch): ", "check that git.url is reachable and is a valid git repository"),
)
"""
Regular expressions for git's output, each with advice; the first match is used.

Among the git commands used, only ls-remote and fetch connect to a server.
"""
