"""The job server of a cluster, on its dashboard's port: closed to strangers, or not used.

Whoever reaches an open one runs code on every node. So it is asked first, without our token, whether it lets us in; the token is
told to no address that others on the way can read.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pipeline.cluster import token
from pipeline.errors import ClusterUnreachable, SecurityRefusal

State = Literal["pending", "running", "succeeded", "failed", "stopped"]
_TIMEOUT_SECONDS = 30.0  # of one request; Ray's client would wait for ever
_ADDRESSES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")  # Ray's client would take these before the one it is given
_TALKATIVE = ("ray.dashboard.modules.job.sdk", "ray.dashboard.modules.dashboard_sdk")
_UNKNOWN = "status code 404"
_STRANGERS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@dataclass(frozen=True)
class Job:
    """What the server knows of a job; `exit_code` is that of its command, times are unix seconds."""

    job_id: str
    state: State
    started: float | None
    ended: float | None
    exit_code: int | None
    message: str

    @property
    def over(self) -> bool:
        """Whether it will change no more."""
        return self.state in ("succeeded", "failed", "stopped")


class JobServer:
    """At `address`, http(s)://HOST:PORT; raises SecurityRefusal for one that is open or would be told our token in clear text."""

    def __init__(self, address: str, *, insecure: bool = False) -> None:
        self.address = address.rstrip("/")
        if not insecure:
            _require_private(self.address)
            self._require_closed()
        with self._reaching():
            self._client = _client(self.address, {"Authorization": f"Bearer {ours}"} if (ours := _token()) else {})

    def submit(
        self, job_id: str, command: str, tree: Path, environment: dict[str, str], told: dict[str, str], gpus: int = 0
    ) -> bool:
        """Send the archive `tree`, unless the server has it, and run `command` in it; False where there is such a job already.

        On the head, or with `gpus` on a node that has so many free, once there is one.
        """
        with self._reaching():
            try:
                self._client.submit_job(
                    entrypoint=command,
                    submission_id=job_id,
                    runtime_env={"working_dir": str(tree), "env_vars": environment},
                    metadata=told,
                    entrypoint_num_gpus=gpus or None,
                )
            except RuntimeError:
                if self.job(job_id) is None:
                    raise
                return False  # another client was faster
        return True

    def job(self, job_id: str) -> Job | None:
        """The job of this name; None for one that the server does not know."""
        with self._reaching():
            try:
                return _job(self._client.get_job_info(job_id))
            except RuntimeError as error:
                if _UNKNOWN in str(error):
                    return None
                raise

    def jobs(self) -> list[Job]:
        """All that were ever submitted to this cluster, the earliest first."""
        with self._reaching():
            found = [_job(details) for details in self._client.list_jobs() if details.submission_id]
        return sorted(found, key=lambda job: (job.started or 0.0, job.job_id))

    def log(self, job_id: str) -> str:
        """All that the job has printed so far."""
        with self._reaching():
            return str(self._client.get_job_logs(job_id))

    def stop(self, job_id: str) -> None:
        """Send SIGTERM to the job, and SIGKILL to what is left of it when its time is over; returns at once."""
        with self._reaching():
            self._client.stop_job(job_id)

    def _require_closed(self) -> None:
        import requests

        with self._reaching():
            answer = requests.get(f"{self.address}/api/jobs/", timeout=_TIMEOUT_SECONDS, allow_redirects=False, auth=_nobody)
        if answer.status_code not in _STRANGERS:
            why = f"it answers {answer.status_code} to a stranger, who could run anything there"
            remedy = "start Ray with RAY_AUTH_MODE=token, or set cluster.insecure"
            raise SecurityRefusal("the job server", where=self.address, why=why, remedy=remedy)

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn every way in which the server can be away, or not know us, into ClusterUnreachable."""
        import requests
        from ray.exceptions import AuthenticationError

        try:
            yield
        except AuthenticationError:
            why = "it does not know our token" if _token() else "it asks for a token and there is none here"
            remedy = "put its token into ~/.ray/auth_token, mode 0600"
            raise SecurityRefusal("the job server", where=self.address, why=why, remedy=remedy) from None
        except (requests.RequestException, ConnectionError, RuntimeError) as error:  # the last: an answer other than 200
            why = str(error).splitlines()[0] if isinstance(error, RuntimeError) else type(error).__name__
            remedy = "start it, open a tunnel to it, or correct cluster.address"
            raise ClusterUnreachable("the job server", where=self.address, why=why, remedy=remedy) from error


def _client(address: str, headers: dict[str, str]) -> Any:
    """Ray's own client, with a limit on the time that a request may take, for this address and none from the environment."""
    import logging

    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):
        def _do_request(self, *arguments: Any, **options: Any) -> Any:
            return super()._do_request(*arguments, **{"timeout": _TIMEOUT_SECONDS, **options})

    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    kept = {name: os.environ.pop(name) for name in _ADDRESSES if name in os.environ}
    try:
        return Client(address, headers=headers)
    finally:
        os.environ.update(kept)


def _job(details: Any) -> Job:
    started, ended = (None if at is None else at / 1000 for at in (details.start_time, details.end_time))
    message = (details.message or "").splitlines()
    state: State = details.status.value.lower()
    return Job(details.submission_id, state, started, ended, details.driver_exit_code, message[0] if message else "")


def _require_private(address: str) -> None:
    """Our token in clear text only to this machine, which may be the near end of a tunnel."""
    parts = urlsplit(address)
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return
    port = parts.port or 80
    raise SecurityRefusal(
        "the job server",
        where=address,
        why="http would show our token to everybody on the way",
        remedy=f"`ssh -N -L {port}:127.0.0.1:{port} {parts.hostname}` and http://127.0.0.1:{port}, https, or cluster.insecure",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _nobody(request: Any) -> Any:
    """In place of what ~/.netrc may say of this host: the question is what a stranger hears."""
    return request


def _token() -> str | None:
    return token.find(os.environ, Path.home())
