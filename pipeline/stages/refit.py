"""refit: the best hyperparameters, trained on train + val with the same recipe and epochs → model/."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from pipeline import artifacts, layout
from pipeline.config import YamlFile
from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import RefitDiverged, ResourcesMissing, WrongValue
from pipeline.report import figures
from pipeline.training import handout
from pipeline.training.fit import Diverged, Training
from pipeline.training.hyperparameters import parse
from pipeline.training.metrics import EpochMetrics
from pipeline.training.out_of_memory import OutOfMemory, within_memory
from pipeline.training.settings import RefitParams


def run(params: RefitParams) -> None:
    """Train without validation and without stopping early; the channel statistics stay those of the train split."""
    best = _wanted(params.trial)
    recipe = Recipe.from_bytes(artifacts.read_bytes(layout.PROCESSED / "recipe.json"))
    data, hyperparameters = _train_and_val(recipe), parse(best["family"], best["hyperparameters"])

    def attempt(images_at_a_time: int | None) -> Iterator[tuple[Training, list[dict[str, float]]]]:
        training = Training(hyperparameters, recipe, seed=params.seed, device=_device(), images_at_a_time=images_at_a_time)
        yield training, _train(training, data, best["trial_key"])

    try:
        ((training, curve),) = within_memory(attempt)
    except OutOfMemory as refusal:
        remedy = "refit on a machine with more memory, or search with smaller batches or search.limits"
        raise ResourcesMissing("refit", where=best["trial_key"], why=str(refusal), remedy=remedy) from None
    _write(layout.MODEL, training, recipe, best, curve)
    print(f"refit of {best['trial_key']}: {len(curve)} epochs on train + val, train loss {curve[-1]['train_loss']:.4f}")


def _wanted(trial: int | None) -> dict[str, Any]:
    """What search wrote of the winner, or of the trial of this number; raises WrongValue when that is not on the front."""
    best = YamlFile(layout.SEARCH / "best.yaml").data
    if trial is None or trial == best["trial_number"]:
        return best
    front = {one["trial_number"]: one for one in YamlFile(layout.SEARCH / "front.yaml").data["trials"]}
    if trial not in front:
        remedy = f"choose from {', '.join(map(str, front))}, or null for the winner"
        raise WrongValue("refit.trial", why=f"trial {trial} is not on the front", remedy=remedy)
    named: dict[str, Any] = front[trial]
    return named


def _train_and_val(recipe: Recipe) -> Packed:
    return packed.join([packed.read(layout.PROCESSED / split, recipe.digests[split]) for split in ("train", "val")])


def _train(training: Training, data: Packed, trial_key: str) -> list[dict[str, float]]:
    """The metrics of each epoch that are the same in every run, so without the time it took."""
    try:
        curve = [_shown(metrics, training) for metrics in training.fit(data, None)]
    except Diverged as error:
        remedy = "choose another refit.seed or search with smaller learning rates"
        raise RefitDiverged("refit", where=trial_key, why=str(error), remedy=remedy) from error
    return [{name: value for name, value in metrics.items() if name != "seconds"} for metrics in curve]


def _shown(metrics: EpochMetrics, training: Training) -> dict[str, float]:
    planned = training.hyperparameters.train.epochs
    left = (planned - metrics.epoch) * metrics.seconds
    told = f"train loss {metrics.train_loss:.4f}, {metrics.seconds:.1f} s, about {left:.0f} s left"
    print(f"refit: epoch {metrics.epoch}/{planned}, {told}")
    return metrics.metrics()


def _write(folder: Path, training: Training, recipe: Recipe, best: dict[str, Any], curve: list[dict[str, float]]) -> None:
    for name, content in handout.handout(training.kept.cpu().eval(), recipe).items():
        artifacts.write_bytes(folder / name, content)
    artifacts.write_json(folder / "model.json", _facts(training, recipe, best))
    artifacts.write_text(folder / "curves.csv", _csv(curve))
    lines = {name: [metrics[name] for metrics in curve] for name in curve[0]}
    artifacts.write_bytes(folder / "learning_curves.png", figures.learning_curves(lines))
    artifacts.write_manifest(folder)


def _facts(training: Training, recipe: Recipe, best: dict[str, Any]) -> dict[str, Any]:
    return {
        "classes": list(recipe.classes),
        "family": best["family"],
        "hyperparameters": training.hyperparameters.flat(),
        "parameters": sum(weight.numel() for weight in training.network.parameters() if weight.requires_grad),
        "recipe": recipe.model_dump(mode="json"),
        "seed": training.seed,
        "selection": best["selection"],
        "study_id": best["study_id"],
        "trial_key": best["trial_key"],
    }


def _csv(curve: list[dict[str, float]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["epoch", *curve[0]])
    writer.writerows([epoch, *metrics.values()] for epoch, metrics in enumerate(curve, start=1))
    return stream.getvalue()


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
