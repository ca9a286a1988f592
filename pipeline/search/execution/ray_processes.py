"""Which processes a Ray of our own consists of: the ones that train, and those that Ray cannot do without.

No option of `ray.init` leaves the others out, though nobody uses them here; each is a process that imports Ray while the first
trials wait. What a later Ray calls by another name stays.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

ONLOOKERS = ("start_api_server", "start_log_monitor", "start_monitor")  # methods of Ray's Node
AGENTS = ("--dashboard_agent_command", "--runtime_env_agent_command")  # options of its raylet
WORKERS = "--python_worker_command"  # another of its options
AGENT_PORTS = (  # names by which the raylet learns on which ports its agents listen
    "METRICS_AGENT_PORT_NAME",
    "METRICS_EXPORT_PORT_NAME",
    "DASHBOARD_AGENT_LISTEN_PORT_NAME",
    "RUNTIME_ENV_AGENT_PORT_NAME",
)
_NO_AGENT = "cat"  # ends, as an agent does, when the pipe from the raylet is closed
_NO_PORT = 1  # nobody listens there


def only_what_trains(workers: Sequence[str]) -> None:
    """Leave out what only looks on; to be called before `ray.init`.

    `workers`: a command that Ray is to start for each worker, which gets the command of an ordinary one as its arguments;
    empty for Ray's own.
    """
    _without_onlookers()
    _before_a_process_starts(_without_agents)
    if workers:
        _before_a_process_starts(lambda command: _with_workers(command, workers))


def _without_onlookers() -> None:
    """The server of the dashboard, the collector of logs, the autoscaler, essays on dead workers."""
    from ray._private.node import Node

    def nothing(node: Node, *_: Any, **__: Any) -> None:
        node._webui_url = ""

    for name in ONLOOKERS:
        if hasattr(Node, name):
            setattr(Node, name, nothing)
    without_essays()


def without_essays() -> None:
    """Of a worker or a node that dies Ray tells the driver at length; to be called before `ray.init`."""
    from ray._private import worker

    logging.getLogger("ray").setLevel(logging.CRITICAL)  # a worker that dies is retried; one that keeps dying is reported
    if hasattr(worker, "_worker_logs_enabled"):
        worker._worker_logs_enabled = False


def _before_a_process_starts(change: Callable[[list[str]], list[str]]) -> None:
    """Let Ray start its processes by commands that are changed so."""
    from ray._private import services

    start = services.start_ray_process

    def start_changed(command: list[str], *arguments: Any, **options: Any) -> Any:
        return start(change(command), *arguments, **options)

    services.start_ray_process = start_changed


def _without_agents(command: list[str]) -> list[str]:
    """Of the raylet, without its two agents, for metrics and for runtime environments, neither of which there are.

    The raylet insists on both and starts no worker until it has heard on which ports they listen, which takes them a second.
    """
    from ray import _raylet

    tell = getattr(_raylet, "persist_port", None)
    ports = [getattr(_raylet, name, None) for name in AGENT_PORTS]
    values = dict(part.partition("=")[::2] for part in command)
    if tell is None or None in ports or not all(name in values for name in AGENTS):
        return command
    for port in ports:
        tell(values["--session_dir"], values["--node_id"], port, _NO_PORT)
    return [f"{name}={_NO_AGENT}" if (name := part.partition("=")[0]) in AGENTS else part for part in command]


def _with_workers(command: list[str], workers: Sequence[str]) -> list[str]:
    """Of the raylet, with the command of its workers behind another."""
    start = f"{WORKERS}="
    asking = subprocess.list2cmdline(workers)
    return [f"{start}{asking} {part.removeprefix(start)}" if part.startswith(start) else part for part in command]


def trials_in_waiting_workers() -> None:
    """Let trials run in the workers that wait for them: for an environment of their own Ray would start others.

    Ray Tune gives its trials the variables it lists, which the workers of this machine inherit from us anyway. To be called
    in the thread that imports Ray Tune: two that import it at once find parts of it missing.
    """
    from ray.tune.execution import class_cache

    os.environ.update(class_cache.DEFAULT_ENV_VARS)
    class_cache.DEFAULT_ENV_VARS.clear()
    class_cache.ENV_VARS_TO_PROPAGATE.clear()
