"""A TCP port before a server, for the ways in which a network fails; nothing is imitated: what stands behind is a real server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self

from tests.cluster.servers import HOST, free_port

_HTTP = {
    "busy": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "broken": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


class Proxy:
    """Before another port, and behaves as told.

    `pass`: bytes go both ways. `refuse`: nobody listens. `silent`: who wants to connect gets no answer at all. `hole`:
    connections are taken and nothing is ever answered. `reset`: ended by RST when the server's answer begins. `cut`: the answer
    breaks off half-way. `trickle`: a byte a second. `deaf`: the request reaches the server and its answer is thrown away. `busy`
    and `broken`: an HTTP server answers 429 with Retry-After, or 503.
    """

    def __init__(self, port: int) -> None:
        self.behind, self.port = port, free_port()
        self.mode = "pass"
        self.connections = 0
        self.lost = 0
        self._every, self._mark, self._marked = 0, b"", 0
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._queue: list[socket.socket] = []  # what fills the queue of a listener that takes nobody

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.behave("refuse")

    def behave(self, mode: str) -> None:
        """From now on; connections that are open end."""
        self.mode, self._every = mode, 0
        while self._queue:
            self._queue.pop().close()
        if mode in ("refuse", "silent"):
            self._deafen()
            self._drop()
            if mode == "silent":
                self._fill_a_queue()
        elif self._listener is None:
            self._listen()
        self._drop()

    def lose(self, mark: bytes, every: int) -> None:
        """From now on throw away one of so many answers that hold this, with the connection they come on; all else passes."""
        self._every, self._mark = every, mark

    def _is_lost(self, data: bytes) -> bool:
        if not self._every or self._mark not in data:
            return False
        self._marked += 1
        lost = self._marked % self._every == 0
        self.lost += lost
        return lost

    def _listen(self) -> None:
        self._listener = socket.create_server((HOST, self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _fill_a_queue(self) -> None:
        """With a queue that is full the system drops whoever comes next."""
        self._queue.append(socket.create_server((HOST, self.port), backlog=0))
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((HOST, self.port))
            self._queue.append(waiting)

    def _deafen(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _drop(self) -> None:
        for connection in list(self._open):
            _reset(connection)
            self._open.discard(connection)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            self._open.add(client)
            threading.Thread(target=self._serve, args=(client, self.mode), daemon=True).start()

    def _serve(self, client: socket.socket, mode: str) -> None:
        if mode == "hole":
            return  # the connection stays open and is never read
        if mode in _HTTP:
            with contextlib.suppress(OSError):
                client.recv(65536)
                client.sendall(_HTTP[mode])
            _reset(client, gently=True)
            return
        try:
            server = socket.create_connection((HOST, self.behind), timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        self._open.add(server)
        threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
        self._answer(client, server, mode)

    def _answer(self, client: socket.socket, server: socket.socket, mode: str) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self._is_lost(data):
                    _reset(client)
                    return
                if mode == "deaf":
                    time.sleep(0.05)  # the server has done what it was asked
                    _reset(client)
                    return
                if mode == "reset":
                    _reset(client)
                    return
                if mode == "cut":
                    client.sendall(data[: len(data) // 2])
                    _reset(client, gently=True)
                    return
                if mode == "trickle":
                    for byte in data:
                        client.sendall(bytes([byte]))
                        time.sleep(1)
                    continue
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    @staticmethod
    def _pump(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)


def _reset(connection: socket.socket, gently: bool = False) -> None:
    with contextlib.suppress(OSError):
        if not gently:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.shutdown(socket.SHUT_RD if not gently else socket.SHUT_RDWR)
    connection.close()
