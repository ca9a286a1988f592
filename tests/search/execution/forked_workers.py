"""A Ray of our own with two workers, which says who they are and then waits to be ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.search.execution import ray_environment
from pipeline.search.execution.local_ray import LocalRay


def main() -> None:
    """Print one line of JSON; go on until the input is closed."""
    ray_environment.prepare(1)
    with LocalRay(2, 0, 0) as local:
        local.start()
        assert local.ready(lambda: True) and local.forks is not None
        parent = {"parent": local.forks._process.pid, "door": local.forks.command[-1]}
        print(json.dumps({"workers": _workers(), "replaced": _after_a_death(), **parent}), flush=True)
        sys.stdin.read()


def _workers() -> list[dict[str, Any]]:
    """Of two tasks at once, as they see themselves."""
    import ray

    @ray.remote
    def seen(here: str) -> dict[str, Any]:
        time.sleep(0.3)  # until the other one has its worker
        return {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "group": os.getpgid(0),
            "raylet": int(os.environ["RAY_RAYLET_PID"]),
            "worker": ray.get_runtime_context().get_worker_id(),
            "random": ray.ObjectRef.from_random().hex(),
            "at home": str(Path.cwd()) == here,
            "first to go": Path("/proc/self/oom_score_adj").read_text().strip() == "1000",
            "torch": "torch" in sys.modules,
            "deaf to Ctrl-C": signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []),
        }

    return ray.get([seen.remote(str(Path.cwd())) for _ in range(2)])


def _after_a_death() -> bool:
    """Whether a worker that is killed is missed, and another takes its place."""
    import ray

    @ray.remote
    def dies(where: str) -> int:
        if not Path(where).exists():
            Path(where).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    return ray.get(dies.options(max_retries=1).remote(str(Path("died").absolute()))) > 0


if __name__ == "__main__":
    main()
