"""Ray Tune, OptunaSearch, ASHA and MLflowLoggerCallback put together as their documentation shows it; no line of Convoy.

    python plain_stack.py FOLDER SEED

ASHA's grace period is the longest plan, so that it stops nothing and every configuration trains all its epochs.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import optuna
import torch
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

sys.path.insert(0, str(Path(__file__).parent))
import training


def trainable(config: dict[str, Any], folder: Path, seed: int) -> None:
    """One trial: a checkpoint and a report after each epoch."""
    for metrics, net, optimizer in training.train(config, folder, seed):
        with tempfile.TemporaryDirectory() as scratch:
            torch.save((net.state_dict(), optimizer.state_dict()), Path(scratch) / "checkpoint.pt")
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(scratch))


def main(folder: Path, seed: int) -> None:
    """The search."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # for the workers
    os.environ["RAY_ADDRESS"] = "local"  # and no cluster that somebody began on this machine
    fixed = training.configurations(folder)
    longest = max(each["epochs"] for each in fixed)
    space = {key: optuna.distributions.CategoricalDistribution(sorted({each[key] for each in fixed})) for key in fixed[0]}
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(trainable, folder=folder, seed=seed), {"cpu": 1}),
        tune_config=tune.TuneConfig(
            num_samples=len(fixed),
            search_alg=OptunaSearch(space, metric="val_accuracy", mode="max", points_to_evaluate=fixed, seed=seed),
            scheduler=ASHAScheduler(metric="val_accuracy", mode="max", max_t=longest + 1, grace_period=longest),
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(folder / "ray_results"),
            callbacks=[MLflowLoggerCallback(tracking_uri=f"sqlite:///{folder}/mlflow.db", experiment_name="plain")],
        ),
    )
    tuner.fit().get_best_result("val_accuracy", "max")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
