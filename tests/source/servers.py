"""Provide servers of git repositories: a program in place of ssh(1), and an https server that only serves files."""

import ssl
import sys
import textwrap
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.control.served import certificate

SLOW_LINE = """
    import os, subprocess, sys, time
    server = subprocess.Popen(sys.argv[-1], shell=True, stdout=subprocess.PIPE)
    sent = 0
    while part := os.read(server.stdout.fileno(), 25_000):
        os.write(1, part)
        sent += len(part)
        time.sleep(60 if sent > {most} else 0.1)
"""
"""The server's output arrives at 250 kB/s, and stops after some bytes."""


def put_ssh(directory: Path, program: str) -> Path:
    """Write a Python program in place of ssh(1), and return its directory, for PATH."""
    ssh = directory / "bin/ssh"
    ssh.parent.mkdir(exist_ok=True)
    ssh.write_text(f"#!{sys.executable}\n{textwrap.dedent(program)}")
    ssh.chmod(0o755)
    return ssh.parent


@contextmanager
def https(served: Path, made: Path, password: str = "") -> Iterator[tuple[str, Path]]:
    """
    Serve files by https, as any web server does; yield the URL and the certificate.

    Args:
        served: The directory of a bare repository.
        made: Where to write the certificate.
        password: Required "user:password", "" for none.
    """
    trusted, key = certificate(made)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, key)
    expected = f"Basic {b64encode(password.encode()).decode()}" if password else ""
    with _Server(("127.0.0.1", 0), partial(_Files, expected, directory=str(served))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}/", trusted
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_request: object) -> None:
        """Print nothing about clients that disconnect."""


class _Files(SimpleHTTPRequestHandler):
    """Serves files to clients with the password."""

    def __init__(self, expected: str, *arguments: object, **more: object) -> None:
        self._expected = expected
        super().__init__(*arguments, **more)  # type: ignore[arg-type]

    def send_head(self):  # type: ignore[no-untyped-def] # as its base, which is typed by typeshed only
        """Require the password first."""
        if self._expected and self.headers.get("Authorization") != self._expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="specs"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        return super().send_head()

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""
