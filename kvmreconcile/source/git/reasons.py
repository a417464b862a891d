"""Find in what git printed why it failed, and what to do about it."""

import re

TRANSPORTS = "file:ssh:https"
"""Neither those that anybody on the way can change, nor those that run a command of the repository's."""
_PROGRESS = re.compile(
    r"(remote: )?\w+( \w+){0,2}: +\d+% |remote: |notice: |From |[ *+-] ?[ *+\[-]|\w+ing \w+: \d+, done"
)
"""What git prints beside the reason of a failure."""
_GENERIC = "Could not read from remote repository"
_UNREADABLE = "not accessible: "


def reason(said: str) -> str:
    """Return the line that says why git failed; a server may print others before it, such as a banner."""
    lines = [line.strip() for line in re.split(r"[\r\n]", said) if line.strip()]
    lines = [line for line in lines if not _PROGRESS.match(line)]
    marked = [line for line in lines if line.startswith(("fatal: ", "error: ")) and _GENERIC not in line]
    if not marked and any(_GENERIC in line for line in lines):
        # ssh says why in the line before; of a key that it could not read, earlier.
        before = lines[: next(index for index, line in enumerate(lines) if _GENERIC in line)]
        keys = [line.rstrip(".") for line in before[:-1] if _UNREADABLE in line]
        marked = ["; ".join(keys + before[-1:])]
    return next(filter(None, marked or lines), "").removeprefix("fatal: ")


def advice(said: str) -> str:
    """Return what to do about what git, or a program that it called, said."""
    return next(
        (todo for word, todo in _ADVICE.items() if word in said), "see that it can be reached, and is sound"
    )


_REPAIR = "repair the history, or add the name of the defect (such as zeroPaddedFilemode) to git.accept"
_TRUST = "add the certificate of its CA to those of this host (update-ca-certificates)"
_ADVICE = {
    "git cannot be run": "install git",
    "ssh-keygen cannot be run": "install openssh-client (Debian) or openssh (Fedora, RHEL)",
    "not accessible: Permission denied": "let the owner of the state directory read it: git runs as that user, for root too",
    "Load key": "let the owner of the state directory read the key (git.sshKey): git runs as that user, for root too",
    "Host key verification failed": "give the server's key in git.knownHosts",
    "Permission denied": "see that the server knows this host's key (git.sshKey)",
    "Authentication failed": "see that git.passwords holds what the server asks for",
    "could not read Username": "give user and password in git.passwords",
    "not allowed": f"use one of {TRANSPORTS.replace(':', ', ')}",
    "certificate verification failed": _TRUST,
    "SSL certificate problem": _TRUST,
    "not found": 'correct git.url; a web server that only serves files needs "git update-server-info" in the repository',
    "No space left": "make room in the state's directory",
    "no progress within": "check that the server is reachable, or raise git.timeout",
    "no answer within": "check that the server is reachable, or raise git.timeout",
    "fsck error": _REPAIR,
    "dubious ownership": "let the user that kvmreconcile runs as own the repository, or serve it over ssh or https",
    "it printed more than": "take files out of the repository, or name a smaller git.directory",
    "git fsck: ": _REPAIR,
}
"""What to do about what git says, by a word in it."""
