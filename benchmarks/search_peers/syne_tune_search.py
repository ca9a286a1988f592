"""Syne Tune with its local backend: a process a trial, two at a time with one thread each, nothing tracked.

python syne_tune_search.py FOLDER SEED
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import training
from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend import LocalBackend
from syne_tune.config_space import choice
from syne_tune.optimizer.baselines import RandomSearch

WORKERS = 2


def main(folder: Path, seed: int) -> None:
    """The search."""
    os.environ["SYNETUNE_FOLDER"] = str(folder / "syne-tune")
    fixed = training.configurations(folder)
    space = {key: choice(sorted({each[key] for each in fixed})) for key in fixed[0]}
    tuner = Tuner(
        trial_backend=LocalBackend(entry_point=str(Path(__file__).with_name("syne_tune_trial.py"))),
        scheduler=RandomSearch(
            {**space, "folder": str(folder), "seed": seed},
            metrics=["val_accuracy"],
            do_minimize=False,
            random_seed=seed,
            points_to_evaluate=fixed,
        ),
        stop_criterion=StoppingCriterion(max_num_trials_started=len(fixed) - 1),
        wait_trial_completion_when_stopping=True,
        n_workers=WORKERS,
    )
    tuner.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
