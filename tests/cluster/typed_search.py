"""`python -m pipeline search` where Ray counts GPUs that are not there: trials train on processors, and all else is as it is.

`python -m tests.cluster.typed_search` prints a line of JSON for each message as well: the trial, its pool, its share of a GPU.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

from pipeline.__main__ import main
from pipeline.search import run
from pipeline.search.execution.messages import Assignment


def on_processors(*values: Any, **named: Any) -> Assignment:
    """What torch can do here."""
    return replace(Assignment(*values, **named), device="cpu")


def listen() -> None:
    """Ray is imported by the search, after it has set what Ray is to find."""
    from pipeline.search.execution import tuner

    class Listening(tuner.StudyScheduler):
        """Says where each message comes from."""

        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            share = trial.placement_group_factory.required_resources.get("GPU", 0)
            print(json.dumps([trial.config["trial_key"], trial.config["pool"], share]), flush=True)
            return super().on_trial_result(tune_controller, trial, result)

    tuner.StudyScheduler = Listening  # type: ignore[misc]


if __name__ == "__main__":
    run.Assignment = on_processors  # type: ignore[misc,assignment]
    train = run._train

    def training(*arguments: Any) -> None:
        listen()
        train(*arguments)

    run._train = training
    sys.exit(main(["search"]))
