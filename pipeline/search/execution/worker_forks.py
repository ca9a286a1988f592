"""Workers as forks of one process that has loaded torch, which it does while Ray starts, and once for all of them.

Ray starts a process for each worker, which imports Ray, torch and Ray Tune: seconds of every core before the first trial. Here
that process is `fork_request.py`, which asks for a fork instead and waits until that has ended; whatever goes wrong, it becomes
the worker that Ray meant. What forks is `forking_process.py`, and a fork turns into a worker in `forked_worker.py`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.search.execution import allocator, fork_request

_BACKLOG = 1024
_LONGEST_FOLDER = 70  # characters: the name of a socket may have 107


class WorkerForks:
    """The process that forks, from when this is made until it is closed or this process ends."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="convoy-workers-"))  # which nobody else may enter
        door = self._folder / "door"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(door))
            listener.listen(_BACKLOG)  # requests wait in it until all is loaded
            command = [
                sys.executable,
                "-P",
                "-m",
                "pipeline.search.execution.forking_process",
                str(listener.fileno()),
                str(self._folder),
            ]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # closed when this process ends, however it does
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                env={**os.environ, **allocator.environment(os.environ)},
                start_new_session=True,  # Ctrl-C on the terminal is for the driver
            )
        self.command = [sys.executable, "-I", "-S", fork_request.__file__, str(door)]  # and that of an ordinary worker after it

    @staticmethod
    def possible() -> bool:
        """Whether this system tells of the end of a process, and a door in its temporary folder has a name short enough."""
        try:
            os.close(os.pidfd_open(os.getpid()))
        except (AttributeError, OSError):
            return False
        return len(tempfile.gettempdir()) < _LONGEST_FOLDER

    def close(self) -> None:
        """End the process, and with it the workers that are left."""
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)
