"""Trials through a real Ray, of which one hangs in its second epoch when it is trained for the first time.

`python -m tests.search.execution.hung_workers FOLDER stopped|deadlocked`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from pipeline.search.execution import hangs, ray_environment
from pipeline.search.execution.allotment import Share
from pipeline.search.execution.local_ray import LocalRay
from pipeline.search.execution.messages import Assignment, TrialData
from pipeline.search.execution.pools import Pool
from pipeline.search.execution.resources import Node, Resources
from pipeline.search.execution.room import Room
from pipeline.study.records import TrialRecord
from tests.search.driving import SPACE, Search
from tests.training.samples import noise

ray_environment.prepare(threads=1)  # before Ray is imported

from pipeline.search.execution import heartbeat, ray_board, tuner  # noqa: E402

SMALL = "\n  model.filters: 2\n  model.pooling: none\n"
HOW = sys.argv[-1]
LEAST_SECONDS, EVERY_SECONDS = 3.0, 0.5


class Hanging(tuner.TrialWorker):
    """Tells of itself soon, and hangs once."""

    def setup(self, config: dict[str, Any], data: TrialData) -> None:
        """Named Ray's way."""
        heartbeat.POST_SECONDS = EVERY_SECONDS
        super().setup(config, data)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial."""
        self._assignment, self._steps = Assignment(**new_config), 0
        return super().reset_config(new_config)

    def step(self) -> dict[str, Any]:
        """One epoch more."""
        hung = Path(self._assignment.folder) / "hung"
        self._steps += 1
        if self._steps == 2 and self._assignment.trial_key.endswith("0001") and not hung.exists():
            hung.write_text(str(os.getpid()))
            with self._heartbeat.at_work():
                if HOW == "stopped":
                    os.kill(os.getpid(), signal.SIGSTOP)
                threading.Event().wait()
        return super().step()


def main(folder: Path) -> None:
    """A short search."""
    space = SPACE.replace("low: 1, high: 9", "low: 2, high: 4") + SMALL
    phases = Search(folder, space).phases(trials=4, stopping="none", reselect={"candidates": 1})
    train, recipe = noise(20)
    data, shares = TrialData(recipe, train, train), [Share(Resources(1, 0, 2), Pool(nodes=(Node(2),)))]
    room = Room(lambda: shares)

    def assign(trial: TrialRecord) -> Assignment:
        return Assignment(trial.key, "cnn", trial.hyperparameters, trial.seed, str(folder), 1, device="cpu")

    tuner.TrialWorker = Hanging  # type: ignore[misc]
    with LocalRay(slots=2, gpus=0, data_bytes=data.nbytes) as ray:
        if ray.ready(lambda: True):
            watch = hangs.Hangs(LEAST_SECONDS, ray_board.read, EVERY_SECONDS)
            tuner.train_all(phases, assign, data, room, folder / "ray", watch)
        phases.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
