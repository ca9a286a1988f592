"""What time it is on the nodes of a cluster: asked once they run our code, so that the answer comes in milliseconds."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from pipeline.clocks import Reading
from pipeline.search.execution import node_tasks
from pipeline.search.execution.ray_nodes import RayNode

_SECONDS = 30.0  # that are waited for all of them: who is slower is not judged


def warnings(nodes: Sequence[RayNode], clock: Callable[[], float] = time.time) -> list[str]:
    """A line for each of the nodes whose clock differs."""
    import ray
    from ray.exceptions import RayError

    task = ray.remote(_now)
    asked = {node_tasks.begin(one, task): (f"node {one}", clock()) for one in nodes}
    found, deadline = [], time.monotonic() + _SECONDS
    while asked:
        ready, _ = ray.wait(list(asked), num_returns=1, timeout=max(0.0, deadline - time.monotonic()))
        if not ready:
            break
        heard = clock()
        whose, since = asked.pop(ready[0])
        with contextlib.suppress(RayError):  # it is gone by now
            found.append(Reading(since, ray.get(ready[0]), heard).warning(whose))
    return sorted(filter(None, found))


def _now() -> float:
    return time.time()
