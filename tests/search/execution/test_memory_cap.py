"""Trials that need more memory than there is, in a process of their own with a cap that the kernel keeps."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests import repository
from tests.repository import REPOSITORY

CAP = 220  # megabytes more than an idle worker has
WIDE = {
    "train.epochs": 1,
    "train.batch_size": 64,
    "model.num_conv_layers": 1,
    "model.filters": 128,
    "model.max_filters": 128,
    "model.head": "average",
}
TRIALS = {
    "batches in parts": WIDE,
    "with batch normalization": {**WIDE, "model.normalization": "batch"},
    "not even four images": {**WIDE, "model.filters": 2048, "model.max_filters": 2048},
    "not even the network": {**WIDE, "model.head": "flatten", "model.dense_units": 16384},
    "after all that, as before": WIDE,
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What became of each trial, one after the other in the same worker."""
    folder = tmp_path_factory.mktemp("capped")
    command = [sys.executable, "-m", "tests.search.execution.capped", str(folder), str(CAP), *map(json.dumps, TRIALS.values())]
    environment = repository.environment(MALLOC_ARENA_MAX="1")
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(TRIALS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", ["batches in parts", "after all that, as before"])
def test_a_batch_that_does_not_fit_goes_through_the_network_in_parts(told: dict[str, dict[str, str]], name: str) -> None:
    assert (told[name]["end"], told[name]["epochs"]) == ("", 1)
    assert re.fullmatch(r"for want of memory (32|16|8|4) images at a time, gradients added up", told[name]["note"])


def test_with_batch_normalization_it_is_said_that_this_is_not_exact(told: dict[str, dict[str, str]]) -> None:
    found = told["with batch normalization"]
    assert (found["end"], found["epochs"]) == ("", 1)
    assert "batch normalization saw these alone" in found["note"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("not even four images", "to train with 4 images at a time"), ("not even the network", "to hold the network")],
)
def test_what_fits_in_no_part_ends_with_the_memory_it_needs_at_least(
    told: dict[str, dict[str, str]], name: str, reason: str
) -> None:
    assert (told[name]["end"], told[name]["epochs"]) == ("out_of_memory", 0)
    found = re.fullmatch(rf"needs more than ([\d.]+) GiB {reason}", told[name]["reason"])
    assert found and float(found[1]) > CAP / 1000
