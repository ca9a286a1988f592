"""What a fork is asked to be, and how it becomes it: the worker that Ray meant to start."""

from __future__ import annotations

import json
import os
import runpy
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.search.execution import fork_request

_LANGUAGE = "--language="  # an option to whom Ray's command hands it on
_WORKER_SCRIPT = "default_worker.py"
_OOM_SCORE, _FIRST = Path("/proc/self/oom_score_adj"), "1000"  # as Ray has it for those that it starts itself


@dataclass(frozen=True)
class Request:
    """Where a worker is to run, and as what; `streams`: its input, output and errors."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]


def received(connection: socket.socket) -> Request | None:
    """What is asked for; None from one who was ended meanwhile."""
    content = b""
    streams: list[int] = []
    try:
        head, streams, _, _ = socket.recv_fds(connection, fork_request.HEAD, len(fork_request.STREAMS))
        wanted = int.from_bytes(head, "big")
        while len(content) < wanted and (piece := connection.recv(wanted - len(content))):
            content += piece
        return Request(**json.loads(content), streams=streams)
    except (OSError, ValueError):
        close(streams)
        return None


def become(request: Request) -> None:
    """Be the worker, as if Ray had started it: in a group of its own, in its folder and environment."""
    os.setpgid(0, 0)
    if os.access(_OOM_SCORE, os.W_OK):  # a sandbox may not let us
        with _OOM_SCORE.open("w") as score:
            score.write(_FIRST)  # where memory is short a trial is lost before its driver is, and goes on
    for target, stream in zip(fork_request.STREAMS, request.streams, strict=True):
        os.dup2(stream, target)
    close(request.streams)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    script, arguments = _program(request.command)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


def close(descriptors: Sequence[int]) -> None:
    """Of a request, by whoever needs them no more."""
    for descriptor in descriptors:
        os.close(descriptor)


def _program(command: Sequence[str]) -> tuple[str, list[str]]:
    """The program of a worker, in the command by which Ray sets up its environment first, and its arguments."""
    at = next(number for number, part in enumerate(command) if Path(part).name == _WORKER_SCRIPT)
    skipped = (_LANGUAGE, fork_request.ITS_ENVIRONMENT)
    return command[at], [part for part in command[at + 1 :] if not part.startswith(skipped)]
