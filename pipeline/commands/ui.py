"""ui: MLflow's page on this project, on loopback, at the trials of the study that was shown last."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline import layout, params
from pipeline.addresses import redacted
from pipeline.commands import project
from pipeline.commands.command import Command, port

_PORT = 5000


def _act(options: argparse.Namespace) -> None:
    root = project.enter()
    parameters = params.load(layout.PARAMS)
    uri = project.tracking_uri(root, parameters)
    name = project.registered_name(root)
    from pipeline.tracking import pages, server

    found = pages.find(uri, parameters.search.experiment, name)
    if uri.startswith(("http://", "https://")):
        _show(found, redacted(uri), uri, options)
        return
    with _ended_by_signals(), server.serving(uri, layout.state(root), server.free_port(options.port)) as (address, process):
        _show(found, address, address, options)
        print("Ctrl-C ends it", flush=True)
        process.wait()


def _show(found: dict[str, str], shown: str, address: str, options: argparse.Namespace) -> None:
    """Print the page of each thing there is, and open the first."""
    for what, path in found.items():
        print(f"{what + ':':<28}{shown.rstrip('/')}{path}")
    if options.open if options.open is not None else _on_a_desktop():
        webbrowser.open(f"{address.rstrip('/')}{next(iter(found.values()))}")


def _on_a_desktop() -> bool:
    """Whether somebody sits at this terminal who has a browser on the same machine."""
    windows = sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return sys.stdout.isatty() and windows and not os.environ.get("SSH_CONNECTION")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM end what runs inside; for what only shows something, that is its usual end."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        print("ended")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=port, default=_PORT, help=f"default: {_PORT}, or another one when that is taken")
    parser.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        help="open the page in the browser; default: on a desktop terminal",
    )


COMMANDS = (
    Command(
        "ui",
        "Look before and while it runs",
        "MLflow in the browser, at the trials of the study side by side",
        {
            "ui": "starts MLflow's server on this machine alone; Ctrl-C ends it",
            "ui --no-open --port 5001": "prints the addresses only",
        },
        _act,
        _arguments,
        "Where the project's MLflow is a server already (search.tracking_uri, MLFLOW_TRACKING_URI), its pages are shown.",
    ),
)
