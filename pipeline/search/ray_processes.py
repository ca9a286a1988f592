"""Which processes a Ray of our own consists of: the ones that train, and those that Ray cannot do without.

No option of `ray.init` leaves the others out, though nobody uses them here; each is a process that imports Ray while the first
trials wait. What a later Ray calls by another name stays.
"""

from __future__ import annotations

import os
from typing import Any

ONLOOKERS = ("start_api_server", "start_log_monitor", "start_monitor")  # methods of Ray's Node
AGENTS = ("--dashboard_agent_command", "--runtime_env_agent_command")  # options of its raylet
AGENT_PORTS = (  # names by which the raylet learns on which ports its agents listen
    "METRICS_AGENT_PORT_NAME",
    "METRICS_EXPORT_PORT_NAME",
    "DASHBOARD_AGENT_LISTEN_PORT_NAME",
    "RUNTIME_ENV_AGENT_PORT_NAME",
)
_NO_AGENT = "cat"  # ends, as an agent does, when the pipe from the raylet is closed
_NO_PORT = 1  # nobody listens there


def only_what_trains() -> None:
    """Leave out what only looks on; to be called before `ray.init`."""
    _without_onlookers()
    _without_agents()


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

    if hasattr(worker, "_worker_logs_enabled"):
        worker._worker_logs_enabled = False


def _without_agents() -> None:
    """The raylet's two agents, for metrics and for runtime environments, neither of which there are.

    The raylet insists on both and starts no worker until it has heard on which ports they listen, which takes them a second.
    """
    from ray import _raylet
    from ray._private import services

    start, tell = services.start_ray_process, getattr(_raylet, "persist_port", None)
    ports = [getattr(_raylet, name, None) for name in AGENT_PORTS]

    def start_without_agents(command: list[str], *arguments: Any, **options: Any) -> Any:
        values = dict(part.partition("=")[::2] for part in command)
        if all(name in values for name in AGENTS) and tell is not None and None not in ports:
            for port in ports:
                tell(values["--session_dir"], values["--node_id"], port, _NO_PORT)
            command = [f"{name}={_NO_AGENT}" if (name := part.partition("=")[0]) in AGENTS else part for part in command]
        return start(command, *arguments, **options)

    services.start_ray_process = start_without_agents


def trials_in_waiting_workers() -> None:
    """Let trials run in the workers that wait for them: for an environment of their own Ray would start others.

    Ray Tune gives its trials the variables it lists, which the workers of this machine inherit from us anyway. To be called
    in the thread that imports Ray Tune: two that import it at once find parts of it missing.
    """
    from ray.tune.execution import class_cache

    os.environ.update(class_cache.DEFAULT_ENV_VARS)
    class_cache.DEFAULT_ENV_VARS.clear()
    class_cache.ENV_VARS_TO_PROPAGATE.clear()
