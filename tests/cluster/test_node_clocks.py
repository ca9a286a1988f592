"""A node of a real Ray is asked what time it is, by a driver whose own clock is right or an hour late."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests import repository

ASKING = """
import time
from pipeline.search.execution import node_clocks, ray_environment, ray_nodes
from pipeline.search.execution.local_ray import LocalRay
ray_environment.prepare(1)
import ray
with LocalRay(1, 0, 0) as local:
    local.start()
    assert local.ready(lambda: True)
    for late in (0, 3600):
        print("said", *node_clocks.warnings(ray_nodes.present(), lambda: time.time() - late))
"""


@pytest.mark.cluster
def test_a_node_whose_clock_differs_is_named_with_the_seconds() -> None:
    environment = repository.environment()
    command = [sys.executable, "-c", ASKING]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    right, late = (line for line in done.stdout.splitlines() if line.startswith("said"))
    assert right == "said"
    assert re.match(r"said the clock of node .+ \(.+\) is 3[56]\d\d s ahead of this machine's", late)
