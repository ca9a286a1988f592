"""Looking on at a job until it is over; whoever looks may go away and come back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from pipeline.cluster.job_server import Job, JobServer
from pipeline.errors import ClusterUnreachable, Interrupted, JobFailed

AGAIN = "run the same command to go on"
POLL_SECONDS = 1.0
_PAUSES = 10  # a pause is at least this many times as long as the look before it
PATIENCE_SECONDS = 600.0  # with a job server that is away


def follow(server: JobServer, job_id: str, show: Callable[[str], None]) -> Job:
    """Show what a job prints until it is over; a server that is away is waited for. Raises JobFailed for one that is lost."""
    shown, away_since, parent = 0, 0.0, os.getppid()
    while True:
        begun = time.monotonic()
        try:
            job = server.job(job_id)
            log = "" if job is None else server.log(job_id)
        except ClusterUnreachable as error:
            if not away_since:
                show(f"{error}\nThe job goes on; trying again.")
            away_since = away_since or begun
            if begun - away_since > PATIENCE_SECONDS:
                raise
            time.sleep(POLL_SECONDS)
            continue
        away_since = 0.0
        if job is None:
            raise JobFailed(f"job {job_id}", where=server.address, why="the cluster does not know it any more", remedy=AGAIN)
        whole = log if job.over else log[: log.rfind("\n") + 1]
        if text := whole[shown:].rstrip("\n"):
            show(text)
        shown = max(shown, len(whole))
        if job.over:
            return job
        if "DVC_STAGE" in os.environ and os.getppid() != parent:
            raise Interrupted("following the job", why="parent gone", remedy=AGAIN, exit_code=143)
        time.sleep(max(POLL_SECONDS, _PAUSES * (time.monotonic() - begun)))
