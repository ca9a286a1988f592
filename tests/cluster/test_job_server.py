"""Before anything is sent: an address that would tell our token, a server that lets strangers in, one that is away."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.cluster.job_server import JobServer
from pipeline.errors import ClusterUnreachable, SecurityRefusal


class _Door(BaseHTTPRequestHandler):
    """Answers every request with the status of the server it belongs to, and notes what it was told."""

    def do_GET(self) -> None:
        server: _Listening = self.server  # type: ignore[assignment]
        server.heard.append(self.headers.get("Authorization"))
        self.send_response(server.status)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Listening(ThreadingHTTPServer):
    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.status, self.heard = status, list[str | None]()
        self.address = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Iterator[_Listening]:
    server = _Listening(request.param)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the-token")


@pytest.mark.parametrize("door", [200, 302, 404, 500], indirect=True)
def test_a_server_that_does_not_ask_who_comes_is_refused_and_not_told_the_token(door: _Listening) -> None:
    with pytest.raises(SecurityRefusal, match="stranger") as refused:
        JobServer(door.address)
    assert refused.value.exit_code == 9 and door.heard == [None]


@pytest.mark.parametrize("door", [403], indirect=True)
def test_a_server_that_does_not_know_our_token_is_told_so(door: _Listening) -> None:
    with pytest.raises(SecurityRefusal, match="does not know our token"):
        JobServer(door.address)
    assert door.heard == [None, "Bearer the-token"]


def test_the_token_is_not_told_in_clear_text_to_another_machine() -> None:
    with pytest.raises(SecurityRefusal, match=r"ssh -N -L 8265:127\.0\.0\.1:8265 head\.example\.org"):
        JobServer("http://head.example.org:8265")


def test_a_server_that_is_away_says_so() -> None:
    with pytest.raises(ClusterUnreachable, match="tunnel"):
        JobServer("http://127.0.0.1:9")


def test_the_environment_cannot_send_us_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:9")
    with pytest.raises(ClusterUnreachable, match=r"127\.0\.0\.1:10 "):
        JobServer("http://127.0.0.1:10", insecure=True)
    assert os.environ["RAY_ADDRESS"] == "http://127.0.0.1:9"


def test_the_token_in_a_file_that_others_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("the-token")
    (tmp_path / "token").chmod(0o644)
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(SecurityRefusal, match="others may read it"):
        JobServer("https://127.0.0.1:9", insecure=True)
