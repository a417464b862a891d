"""List requests to the control socket that are malformed, too long, or not allowed; the answer is the HTTP status."""

import random
from pathlib import Path

from kvmreconcile.control.guard import LONGEST_BODY
from tests.control.served import Served, request, status_of
from tests.hostile.row import Row

_JSON = {"Content_Type": "application/json"}


def _suspend(body: bytes, **headers: str) -> bytes:
    return request("POST /v1/suspend", body, **_JSON, **headers)


ROWS = (
    Row("nothing", b"", "0"),
    Row("no http", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.Random(1).randbytes(200) + b"\r\n\r\n", "400"),
    Row("endless line", b"GET /" + b"a" * 200_000, "400"),
    Row("endless headers", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000, "400"),
    Row("two lengths", b"POST /v1/resume HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "400"),
    Row("negative length", b"POST /v1/resume HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"),
    Row("another method", request("DELETE /v1/status"), "405"),
    Row("an order by GET", request("GET /v1/suspend"), "405"),
    Row("a file", request("GET /v1/objects/Domain/..%2f..%2fetc/passwd"), "404"),
    Row("a web page", _suspend(b'{"all": true}', Origin="https://evil.example"), "403"),
    Row("a form", request("POST /v1/suspend", b'{"all": true}', Content_Type="text/plain"), "400"),
    Row("no json", _suspend(b"{"), "400"),
    Row("deep json", _suspend(b"[" * 900_000), "400"),
    Row("no object", _suspend(b"[]"), "400"),
    Row("not utf-8", _suspend(b'{"key": "\xff"}'), "400"),
    Row("both", _suspend(b'{"key": "Domain/web", "all": true}'), "400"),
    Row("neither", _suspend(b"{}"), "400"),
    Row("another field", _suspend(b'{"all": true, "force": 1}'), "400"),
    Row("no key", _suspend(b'{"key": "web"}'), "400"),
    Row("over already", _suspend(b'{"all": true, "until": "2020-01-01T00:00:00Z"}'), "400"),
    Row("beyond the calendar", _suspend(b'{"all": true, "until": "9999-12-31T23:59:59-14:00"}'), "400", "26a"),
    Row("no zone", _suspend(b'{"all": true, "until": "2099-01-01T00:00:00"}'), "400"),
    Row("long reason", _suspend(b'{"all": true, "why": "%s"}' % (b"x" * 501)), "400"),
    Row("too long", _suspend(b" " * (LONGEST_BODY + 1)), "413"),
    Row("endless body", b"POST /v1/suspend HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 40, "413"),
    Row("websocket", request("GET /v1/status", Upgrade="websocket", Connection="Upgrade, close"), "200"),
    Row("no date in every time zone", _suspend(b'{"all": true, "until": "9999-12-31T23:59:59Z"}'), "400", "26a"),
    Row("number of thousands of digits", _suspend(b'{"all": true, "until": ' + b"9" * 5000 + b"}"), "400"),
    Row("the same field a hundred thousand times", _suspend(b"{" + b'"key": "Domain/web", ' * 40_000 + b'"all": true}'), "400"),
    Row("surrogate alone", _suspend(b'{"key": "Domain/\\ud800"}'), "400"),
    Row("NUL", _suspend(b'{"key": "Domain/\\u0000"}'), "404"),
    Row("no number", _suspend(b'{"all": NaN}'), "400"),
    Row("digest of a megabyte", request("POST /v1/approve", b'{"digest": "%s"}' % (b"a" * 900_000), **_JSON), "400"),
    Row("path of thousands of dots", request("GET /" + "../" * 5000 + "etc/passwd"), "404"),
    Row("path with line ends", request("GET /v1/objects/Domain/a%0d%0aSet-Cookie:%20b"), "404"),
    Row("host that is none", request("GET /v1/status", Host="a b"), "400"),
    Row("two hosts", b"GET /v1/status HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
    Row("length and pieces", b"POST /v1/suspend HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /", "400"),
)  # fmt: skip


def answer(row: Row[bytes], directory: Path) -> str:
    """Send a request to a daemon; its state must not change, and it must answer the next request."""
    served = Served(directory)
    served.open()
    try:
        if row.make:
            found = served.raw(row.make)
        else:
            served.dial().close()
            found = b""
        assert b"Traceback" not in found
        assert served.state.suspended() == {}
        assert not served.events
        assert served.client().get("/v1/status")["converged"]
        return str(status_of(found))
    finally:
        served.close()
