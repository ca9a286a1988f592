"""Trials through a real Ray that counts a GPU which is not there; the second and third say once that they are crowded.

`python -m tests.search.execution.crowded_ray FOLDER` prints a line of JSON for each message: the trial,
its epochs, its share of the GPU.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.search.execution import ray_environment
from pipeline.search.execution.allotment import Share
from pipeline.search.execution.local_ray import LocalRay
from pipeline.search.execution.messages import Assignment, TrialData
from pipeline.search.execution.pools import Pool
from pipeline.search.execution.resources import Node, Resources
from pipeline.search.execution.room import Room
from pipeline.study.records import TrialRecord
from tests.search.driving import SPACE, Search, nobody_hangs
from tests.training.samples import noise

ray_environment.prepare(threads=1)  # before Ray is imported

from pipeline.search.execution import tuner  # noqa: E402

GIB = 2**30
SMALL = "\n  model.filters: 2\n  model.pooling: none\n"


class Listening(tuner.StudyScheduler):
    """Prints what it hears, and hears that some are crowded."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        message = result[tuner.MESSAGE]
        if trial.config["trials_a_gpu"] == 4 and message.trial_key.endswith(("0001", "0002")):
            message = replace(message, epochs=[], crowded=9 * GIB)
        share = trial.placement_group_factory.required_resources["GPU"]
        print(json.dumps([message.trial_key[-4:], [metrics.epoch for metrics in message.epochs], share]), flush=True)
        return super().on_trial_result(tune_controller, trial, {tuner.MESSAGE: message})


def main(folder: Path) -> None:
    """Five trials, at first four at once."""
    phases = Search(folder, SPACE.rstrip() + SMALL).phases(trials=5, reselect={"candidates": 1})
    train, recipe = noise(200)
    data, shares = TrialData(recipe, train, train), [Share(Resources(1, 0.25, 4), Pool(nodes=(Node(4, 1, 24 * GIB),)))]
    room = Room(lambda: shares, tell=print)

    def assign(trial: TrialRecord) -> Assignment:
        values = (trial.key, "cnn", trial.hyperparameters, trial.seed, str(folder), 1)
        return Assignment(*values, device="cpu")

    tuner.StudyScheduler = Listening  # type: ignore[misc]
    with LocalRay(slots=4, gpus=1, data_bytes=data.nbytes) as ray:
        if ray.ready(lambda: True):
            tuner.train_all(phases, assign, data, room, folder / "ray", nobody_hangs())
        phases.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
