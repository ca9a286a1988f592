"""Ray Tune, OptunaSearch, ASHA and MLflowLoggerCallback as their documentation shows them, on Convoy's space and training loop.

    python plain_stack.py MINUTES SEED

Works in a project in which preprocess has run; writes results/search/best.yaml for refit, and told.json.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from ruamel.yaml import YAML

from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.params import load as load_params
from pipeline.search.spaces.space import load
from pipeline.training.fit import Training
from pipeline.training.hyperparameters import parse

METRIC = "val_accuracy"
MOST_EPOCHS = 100  # ASHA's own default


def trainable(config: dict[str, Any], data: tuple[Recipe, Packed, Packed]) -> None:
    """One trial, a report after each epoch."""
    torch.set_num_threads(1)
    recipe, train, val = data
    for metrics in Training(parse(config["family"], config), recipe, seed=0).fit(train, val):
        tune.report(metrics.metrics())


def main(minutes: float, seed: int) -> None:
    """Search until the time is up."""
    deadline = time.monotonic() + 60 * minutes
    here = Path.cwd()
    space = load(Path(load_params(Path("params.yaml")).search.space))
    recipe = Recipe.from_bytes(Path("data/processed/recipe.json").read_bytes())
    data = (recipe, *(packed.read(Path("data/processed") / split, recipe.digests[split]) for split in ("train", "val")))
    ray.init("local", num_cpus=len(os.sched_getaffinity(0)))
    searcher = OptunaSearch(space.suggest, METRIC, "max", points_to_evaluate=list(space.first_points), seed=seed)
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(trainable, data=data), {"cpu": 1}),
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=searcher,
            scheduler=ASHAScheduler(metric=METRIC, mode="max", max_t=MOST_EPOCHS),
            time_budget_s=deadline - time.monotonic(),
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(here / "ray_results"),
            callbacks=[MLflowLoggerCallback(tracking_uri=f"sqlite:///{here}/mlflow.db", experiment_name="plain")],
        ),
    )
    results = tuner.fit()
    best = results.get_best_result(METRIC, "max")
    winner = {"family": best.config["family"], "study_id": "plain", "trial_key": "plain-0000", "trial_number": 0}
    Path("results/search").mkdir(parents=True)
    with Path("results/search/best.yaml").open("w") as file:
        value = best.metrics[METRIC]
        content = {**winner, "metric": METRIC, "value": value, "hyperparameters": best.config}
        content["selection"] = _selection(value, len(results))
        YAML(typ="safe", pure=True).dump(content, file)
    epochs = sum(result.metrics.get("training_iteration", 0) for result in results if result.metrics)
    Path("told.json").write_text(json.dumps({"trials": len(results), "epochs": epochs}))


def _selection(value: float, trials: int) -> dict[str, Any]:
    """What the stages say of the choice: the search decided, and nothing was trained again."""
    search = {"trial": 0, "value": value, "completed_trials": trials}
    return {"metric": METRIC, "chosen_trial": 0, "search": search, "reselection": None}


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
