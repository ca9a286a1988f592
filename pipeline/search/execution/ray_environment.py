"""The environment Ray must find when it is imported: closed to others, quiet, and with our code on its workers' path."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pipeline

_CLOSED = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # whatever its name: all of Ray's ports on loopback alone
}
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a warning about a change to come
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_THRESHOLD_S": "60",
}
_OURS = {
    "RAY_worker_niceness": "0",
    # by a worker that waits for its first trial
    "RAY_preload_python_modules": "pipeline.search.execution.trial,pipeline.search.execution.worker",
    "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1",  # on the disk where /dev/shm is too small, which local_ray.py says
    "RAY_raylet_client_connect_timeout_milliseconds": "20",  # between two attempts; the first always comes too early
    "RAY_raylet_client_num_connect_attempts": "1500",  # so many seconds as by default and more: 30
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the conductor puts running trials aside
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # the study is the truth: Ray's own snapshots are never read
    "TUNE_MAX_PENDING_TRIALS_PG": "1000000000",  # workers start side by side: how many there may be is the searcher's business
}
_OF_OUR_OWN_RAY = ("RAY_worker_niceness", "RAY_preload_python_modules")  # on a cluster it is for those who started it to say
_HEAD_GONE_SECONDS = 600  # after so long without the head Ray ends the driver; we do so earlier, in order


def prepare(threads: int) -> None:
    """Set it for this process and those it starts; the token exists nowhere else. To be called before `import ray`."""
    package_root = str(Path(pipeline.__file__).parents[1])
    paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ.update(_CLOSED, RAY_AUTH_TOKEN=secrets.token_hex(32))
    os.environ.update(_QUIET | _OURS, PYTHONPATH=os.pathsep.join(paths), OMP_NUM_THREADS=str(threads))


def prepare_to_join() -> None:
    """Set what a driver needs that joins a cluster; Ray finds the token where Convoy looked for it. Before `import ray`.

    The workers get our code from Ray, and their environment from who started the nodes.
    """
    os.environ.update({"RAY_AUTH_MODE": "token", "RAY_gcs_rpc_server_reconnect_timeout_s": str(_HEAD_GONE_SECONDS)})
    os.environ.update({name: value for name, value in (_QUIET | _OURS).items() if name not in _OF_OUR_OWN_RAY})


def open_to_everybody() -> None:
    """The cluster asks for no token, and whoever starts the search wants to join it all the same. After `import ray`."""
    from ray._raylet import Config  # type: ignore[attr-defined]  # compiled

    os.environ["RAY_AUTH_MODE"] = "disabled"
    Config.initialize("")
