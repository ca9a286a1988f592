"""Trials through a real Ray of which some wait for nodes that it does not have, until these are gone for the search too.

`python -m tests.search.execution.vanishing_nodes FOLDER` prints a line of JSON for each message: the trial, its pool.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pipeline.search.execution import ray_environment
from pipeline.search.execution.allotment import Share
from pipeline.search.execution.local_ray import LocalRay
from pipeline.search.execution.messages import Assignment, TrialData
from pipeline.search.execution.pools import TYPE_LABEL, Pool
from pipeline.search.execution.resources import Node, Resources
from pipeline.search.execution.room import Room
from pipeline.study.records import TrialRecord
from tests.search.driving import SPACE, Search, nobody_hangs
from tests.training.samples import noise

ray_environment.prepare(threads=1)  # before Ray is imported

from pipeline.search.execution import tuner  # noqa: E402

SMALL = "\n  model.filters: 2\n  model.pooling: none\n"
THERE = Share(Resources(1, 0, 2), Pool("", (Node(2),), {TYPE_LABEL: "!in(T4)"}))
GONE = Share(Resources(1, 0, 2), Pool("T4", (Node(2),), {TYPE_LABEL: "T4"}))


class Listening(tuner.StudyScheduler):
    """Prints where trials train; when the first is heard of, the nodes of the other type go."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        print(json.dumps([trial.config["trial_key"][-4:], trial.config["pool"]]), flush=True)
        if GONE in SHARES:
            SHARES.remove(GONE)
        return super().on_trial_result(tune_controller, trial, result)


SHARES = [THERE, GONE]


def main(folder: Path) -> None:
    """Six trials, of which at first two are for each pool."""
    phases = Search(folder, SPACE.rstrip() + SMALL).phases(trials=6, reselect={"candidates": 1})
    train, recipe = noise(200)
    data = TrialData(recipe, train, train)

    def assign(trial: TrialRecord) -> Assignment:
        return Assignment(trial.key, "cnn", trial.hyperparameters, trial.seed, str(folder), 1, device="cpu")

    tuner.StudyScheduler = Listening  # type: ignore[misc]
    with LocalRay(slots=2, gpus=0, data_bytes=data.nbytes) as ray:
        if ray.ready(lambda: True):
            tuner.train_all(phases, assign, data, Room(lambda: SHARES), folder / "ray", nobody_hangs())
        phases.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
