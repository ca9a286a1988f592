"""serve: a model folder as an HTTP service, on this machine alone unless another address is named."""

from __future__ import annotations

import argparse
import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path

from pipeline.commands.command import Command, port, positive


def _act(options: argparse.Namespace) -> None:
    from pipeline.serving.port import listening

    with listening(options.host, options.port) as sockets:
        _serve(options, sockets)


def _serve(options: argparse.Namespace, sockets: Sequence[socket.socket]) -> None:
    from pipeline.data.progress import waiting

    with waiting("loading the model"):
        import uvicorn

        from pipeline.prediction.model import load
        from pipeline.serving.app import LOOPBACK, create_app
        from pipeline.serving.limits import Limits

        model = load(options.directory, options.engine, options.device)
    limits = Limits(options.megabytes * 2**20, options.images, options.megapixels * 1_000_000)
    hosts = LOOPBACK if options.host in LOOPBACK else options.allowed_host or ["*"]
    app = create_app(model, limits, hosts)
    address = _address(options.host, sockets[0].getsockname()[1])
    print(f"serving {len(model.classes)} classes with {model.engine} on {model.device}: {address}")
    print(f"try: curl --data-binary @IMAGE {address}/predict")
    with contextlib.suppress(KeyboardInterrupt):  # its usual end
        uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False)).run(list(sockets))


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", type=Path, help="a folder written by `convoy pull`, or model/ of a project")
    parser.add_argument("--port", type=port, default=8000, help="default: 8000; 0: one that is free")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, so that no other machine reaches it")
    parser.add_argument("--allowed-host", action="append", help="with --host: a name by which it may be asked; default: any")
    parser.add_argument("--engine", choices=("auto", "torch", "onnx", "int8"), default="auto", help="what runs the network")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it runs (default: auto)")
    parser.add_argument("--megabytes", type=positive, default=20, help="largest request (default: 20)")
    parser.add_argument("--images", type=positive, default=64, help="most images of one request (default: 64)")
    parser.add_argument("--megapixels", type=positive, default=25, help="largest image (default: 25)")


COMMANDS = (
    Command(
        "serve",
        "Take the model",
        "answer HTTP requests with a model folder: an image in, its class out",
        {
            "serve champion": "on http://127.0.0.1:8000",
            "serve champion --port 9000 --engine onnx": "without torch",
        },
        _act,
        _arguments,
    ),
)
