"""A real HTTP server on loopback that serves one file well or badly."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does; each answer consumes one number of `cut_after` (bytes of the body to send, None for all)."""

    content: bytes
    ranges: bool = True
    status: int = 200
    busy: int = 0  # answers with 503 before the first good one
    cut_after: list[int | None] = field(default_factory=list)
    wrong_range: bool = False
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range header, in order


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The address of a server that behaves so; it ends with the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.requests.append((self.path, self.headers.get("Range")))
            _answer(self, behaviour)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, behaviour: Behaviour) -> None:
    if behaviour.busy:
        behaviour.busy -= 1
        handler.send_error(503)
    elif behaviour.status != 200:
        handler.send_error(behaviour.status)
    else:
        _send(handler, behaviour)


def _send(handler: BaseHTTPRequestHandler, behaviour: Behaviour) -> None:
    wanted = handler.headers.get("Range")
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and behaviour.ranges else 0
    body = behaviour.content[start:]
    handler.send_response(206 if wanted and behaviour.ranges else 200)
    if wanted and behaviour.ranges:
        told = 0 if behaviour.wrong_range else start
        handler.send_header("Content-Range", f"bytes {told}-{len(behaviour.content) - 1}/{len(behaviour.content)}")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    cut = behaviour.cut_after.pop(0) if behaviour.cut_after else None
    handler.wfile.write(body[:cut])
