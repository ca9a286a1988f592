"""stop: the end of a job, with time for its search to put its trials aside."""

from __future__ import annotations

import argparse
import time

from pipeline.commands.command import Command
from pipeline.commands.jobs import job_argument, known, line, server_here

_POLL_SECONDS = 1.0


def _act(options: argparse.Namespace) -> None:
    from pipeline.cluster.job_environment import STOP_SECONDS

    server = server_here()
    job = known(server, options.job)
    if not job.over:
        print(f"{job.job_id} puts its trials aside; what is left of it in {STOP_SECONDS} s is killed")
        server.stop(job.job_id)
    while not job.over:
        time.sleep(_POLL_SECONDS)
        job = known(server, options.job)
    print(line(job))


COMMANDS = (
    Command(
        "stop",
        "Run",
        "end a job; its search puts its trials aside, and the same command goes on later",
        {"stop JOB": "returns when it has ended"},
        _act,
        job_argument,
    ),
)
