"""Trials through a real Ray that are over before another worker has started.

`python -m tests.search.execution.slow_workers FOLDER` notes for each trial the process that trained it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.search.execution import ray_environment
from pipeline.search.execution.allotment import Share
from pipeline.search.execution.local_ray import LocalRay
from pipeline.search.execution.messages import Assignment, Message, TrialData
from pipeline.search.execution.pools import Pool
from pipeline.search.execution.resources import Node, Resources
from pipeline.search.execution.room import Room
from pipeline.study.records import TrialRecord
from pipeline.training.metrics import EpochMetrics
from tests.search.driving import SPACE, Search, nobody_hangs
from tests.training.samples import noise

ray_environment.prepare(threads=1)  # before Ray is imported

from pipeline.search.execution import tuner  # noqa: E402

SLOTS, START_SECONDS, TRIAL_SECONDS = 4, 1.5, 0.2


class Slow(tuner.TrialWorker):
    """Takes its time to start, and none to train."""

    def setup(self, config: dict[str, Any], data: TrialData) -> None:
        """Named Ray's way."""
        time.sleep(START_SECONDS)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial."""
        self._task = Assignment(**new_config)
        return True

    def step(self) -> dict[str, Any]:
        """All of it."""
        time.sleep(TRIAL_SECONDS)
        epochs = range(1, int(self._task.hyperparameters["train.epochs"]) + 1)
        metrics = [EpochMetrics(epoch, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.1) for epoch in epochs]
        return {tuner.MESSAGE: Message(self._task.trial_key, metrics, note=str(os.getpid()))}


def main(folder: Path) -> None:
    """So many that all workers could start meanwhile."""
    phases = Search(folder, SPACE).phases(trials=40, stopping="none", reselect={"candidates": 1})
    train, recipe = noise(20)
    data, shares = TrialData(recipe, train, train), [Share(Resources(1, 0, SLOTS), Pool(nodes=(Node(SLOTS),)))]

    def assign(trial: TrialRecord) -> Assignment:
        return Assignment(trial.key, "cnn", trial.hyperparameters, trial.seed, str(folder), 1, device="cpu")

    tuner.TrialWorker = Slow  # type: ignore[misc]
    with LocalRay(slots=SLOTS, gpus=0, data_bytes=data.nbytes) as ray:
        if ray.ready(lambda: True):
            tuner.train_all(phases, assign, data, Room(lambda: shares), folder / "ray", nobody_hangs())
        phases.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
