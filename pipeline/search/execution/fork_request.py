"""The process that Ray starts for a worker: it asks for a fork in its place, and becomes an ordinary worker if it gets none.

Run as a script, by an interpreter without site-packages, so it imports nothing but what starts in milliseconds:
`fork_request.py SOCKET COMMAND …`, where the command is the one that Ray meant.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from typing import NoReturn

FORKED = b"+"  # the answer to a request; all that follows it is the worker's end
HEAD = 8  # bytes before a request, its length
STREAMS = (0, 1, 2)  # input, output, errors: sent along
ITS_ENVIRONMENT = "--serialized-runtime-env-context="  # what Ray adds for a worker that is to have an environment of its own
_NONE = ("", "{}")


def main(door: str, command: list[str]) -> NoReturn:
    """Wait until the worker has ended, and end as it did."""
    if not _wants_an_environment(command):
        with contextlib.suppress(OSError):  # nobody forks, or no longer: Ray's own way is always there
            sys.exit(_forked(door, command))
    os.execv(command[0], command)  # noqa: S606  # what Ray would have started itself


def _forked(door: str, command: list[str]) -> int:
    """The exit code of the worker; raises OSError when there is no fork."""
    request = json.dumps({"command": command, "environment": dict(os.environ), "folder": os.getcwd()}).encode()  # noqa: PTH109
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(door)
        socket.send_fds(connection, [len(request).to_bytes(HEAD, "big")], STREAMS)
        connection.sendall(request)
        if connection.recv(1) != FORKED:
            raise ConnectionError
        return int(connection.recv(64) or b"1")


def _wants_an_environment(command: list[str]) -> bool:
    values = [part.removeprefix(ITS_ENVIRONMENT) for part in command if part.startswith(ITS_ENVIRONMENT)]
    return any(value not in _NONE for value in values)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
