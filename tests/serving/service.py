"""A real server on a free port, and what it says."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from pipeline.prediction.model import load
from pipeline.serving.app import create_app
from pipeline.serving.limits import Limits


@dataclass(frozen=True)
class Service:
    """Where it listens."""

    address: str

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(self.address + path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if content[:1] in (b"{", b"[") else content.decode()
        except urllib.error.HTTPError as error:
            content = error.read()
            return error.code, json.loads(content) if content[:1] == b"{" else content.decode()

    def send(self, *files: bytes, field: str = "image") -> tuple[int, Any]:
        parts = [
            f'--x\r\ncontent-disposition: form-data; name="{field}"; filename="{number}.png"\r\n\r\n'.encode() + file + b"\r\n"
            for number, file in enumerate(files)
        ]
        return self.ask("/predict/batch", b"".join(parts) + b"--x--\r\n", content_type="multipart/form-data; boundary=x")


@contextlib.contextmanager
def running(model: Path, limits: Limits | None = None) -> Iterator[Service]:
    """The model folder, served with onnxruntime."""
    app = create_app(load(model, "onnx"), limits or Limits())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield Service(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    server.should_exit = True
    thread.join()
