"""
Open as many connections to a daemon as possible as an unprivileged user, and replace each one that is closed.

    python -m tests.daemon.crowd SOCKET PORT COUNT UID
"""

import os
import resource
import selectors
import socket
import sys
import time
from contextlib import suppress


def main(path: str, port: int, count: int, uid: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    os.setgroups(())
    os.setgid(uid)
    os.setuid(uid)
    connections = selectors.DefaultSelector()
    number = 0
    while True:
        while len(connections.get_map()) < count:
            number += 1
            connection = _by_socket(path) if number % 2 else _by_tcp(port)
            if connection is None:
                time.sleep(0.001)
                break
            connections.register(connection, selectors.EVENT_READ)
        for key, _ in connections.select(0.01):
            assert isinstance(key.fileobj, socket.socket)
            with suppress(OSError):
                if key.fileobj.recv(4096):
                    continue
            connections.unregister(key.fileobj)
            key.fileobj.close()


def _by_socket(path: str) -> socket.socket | None:
    return _connected(socket.socket(socket.AF_UNIX), path)


def _by_tcp(port: int) -> socket.socket | None:
    connection = socket.socket()
    connection.bind(("127.0.0.2", 0))
    return _connected(connection, ("127.0.0.1", port))


def _connected(connection: socket.socket, address: str | tuple[str, int]) -> socket.socket | None:
    connection.setblocking(False)
    try:
        connection.connect(address)
    except BlockingIOError:
        if isinstance(address, str):  # the queue of waiting connections is full
            connection.close()
            return None
    except OSError:
        connection.close()
        return None
    return connection


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
