"""What each part of the training recipe is worth: fixed networks trained with the whole recipe, and with one part changed.

    python benchmarks/ablation.py DATA [--sets fashion-mnist cifar10 flowers5 trashnet] [--seeds 3] [--epochs 12] [--only ARM …]
    python benchmarks/ablation.py DATA --only-add --add OUTPUT …

DATA is a folder with the unpacked image folders cifar10, flowers5 and trashnet; Fashion-MNIST is Debian's package
dataset-fashion-mnist. Equal epochs and equal images for every arm, one CPU thread, no validation: the accuracy is that on test
images after the last epoch. Seeds decide first weights, order and augmentation; arms of one seed start alike, so differences are
taken seed by seed: mean ± standard error over seeds, in points of accuracy. Each line of the long table is one training.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import small_sets
import torch
from scratch_project import machine
from small_sets import SmallSet, Wanted

from pipeline.training.evaluation import evaluate
from pipeline.training.fit import Training
from pipeline.training.hyperparameters import Value, parse
from pipeline.training.scores import scores
from pipeline.training.tensors import tensors

CNN: dict[str, Value] = {
    "model.num_conv_layers": 3,
    "model.filters": 16,
    "model.normalization": "batch",
    "model.dropout": 0.2,
}
RESNET: dict[str, Value] = {"model.blocks_per_stage": 1, "model.filters": 16, "model.stem_stride": 2}
NETWORKS: dict[str, tuple[str, dict[str, Value]]] = {
    "fashion-mnist": ("cnn", CNN),
    "cifar10": ("resnet", RESNET),
    "flowers5": ("resnet", RESNET),
    "trashnet": ("cnn", CNN),
}
RECIPE: dict[str, Value] = {
    "train.optimizer": "adamw",
    "train.batch_size": 32,
    "train.learning_rate": 0.004,
    "train.weight_decay": 0.1,
    "train.decayed": "weights",
    "train.schedule": "cosine",
    "train.label_smoothing": 0.1,
    "train.averaging": 0.1,
    "augment.flip": "auto",
}
ARMS: dict[str, dict[str, Value]] = {
    "whole recipe": {},
    "constant rate": {"train.schedule": "constant"},
    "one cycle": {"train.schedule": "one_cycle"},
    "no label smoothing": {"train.label_smoothing": 0.0},
    "no averaging": {"train.averaging": 0.0},
    "constant rate, no averaging": {"train.schedule": "constant", "train.averaging": 0.0},
    "all decays": {"train.decayed": "all"},
    "no flip": {"augment.flip": 0.0},
    "crop as well": {"augment.crop": "auto"},
}


@dataclass(frozen=True)
class Outcome:
    """One training."""

    set: str
    arm: str
    seed: int
    accuracy: float
    loss: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.set};{self.arm};{self.seed};{self.accuracy:.4f};{self.loss:.4f};{self.seconds:.1f}"


def main() -> None:
    """Train every arm and print one line each, then the table of differences."""
    parser = argparse.ArgumentParser(description="What each part of the training recipe is worth.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--only", nargs="+", choices=ARMS, default=list(ARMS), help="besides the whole recipe")
    parser.add_argument("--add", nargs="+", type=Path, default=[], help="outputs of earlier runs, whose lines count as well")
    parser.add_argument("--only-add", action="store_true", help="train nothing: the table of what --add names")
    options = parser.parse_args()
    outcomes = [outcome for earlier in options.add for outcome in told(earlier)]
    if not options.only_add:
        outcomes += train_all(options)
    print("\n".join(table(outcomes)))


def train_all(options: argparse.Namespace) -> list[Outcome]:
    """Every arm on every set, seed after seed; one line each is printed."""
    arms = ["whole recipe", *(arm for arm in options.only if arm != "whole recipe")]
    torch.set_num_threads(1)
    print(machine(), flush=True)
    outcomes: list[Outcome] = []
    sets = {name: small_sets.read(wanted(name, options.data)) for name in options.sets}
    for name, images in sets.items():
        print(f"{name}: {len(images.train)} train, {len(images.test)} test, {'×'.join(map(str, images.recipe.shape))}")
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name, arm in itertools.product(sets, arms):
            outcomes.append(trained(name, sets[name], arm, seed, options.epochs))
            print(outcomes[-1], flush=True)
    return outcomes


def told(output: Path) -> list[Outcome]:
    """The trainings that an earlier run printed."""
    fields = [line.rsplit(";", 5) for line in output.read_text().splitlines() if line.count(";") == 5]
    return [Outcome(name, arm, int(seed), *map(float, measured)) for name, arm, seed, *measured in fields]


def wanted(name: str, data: Path) -> Wanted:
    """The part of a set that is trained and tested on."""
    if name == "fashion-mnist":
        return Wanted(name, name, str(data), "photos", 28, 2000, 4000)
    return Wanted(name, "folder", small_sets.folder(data, name), "photos", 32, 2000, 4000)


def trained(name: str, images: SmallSet, arm: str, seed: int, epochs: int) -> Outcome:
    """One training and its look at the test images; seconds are of this thread."""
    family, network = NETWORKS[name]
    flat = {**network, **RECIPE, **ARMS[arm], "train.epochs": epochs}
    begun = time.thread_time()
    training = Training(parse(family, flat), images.recipe, seed=seed)
    for _ in training.fit(images.train, None):
        pass
    seconds = time.thread_time() - begun
    found = evaluate(training.kept, training.standardize, *tensors(images.test, training.device))
    return Outcome(name, arm, seed, scores(found.confusion).accuracy, found.loss, seconds)


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Accuracy of the whole recipe, and what each change adds to it (a part that pays is negative when it is taken away)."""
    sets = list(dict.fromkeys(outcome.set for outcome in outcomes))
    arms = list(dict.fromkeys(outcome.arm for outcome in outcomes))
    lines = [f"| Arm | {' | '.join(sets)} |", "|---" * (len(sets) + 1) + "|"]
    for arm in arms:
        cells = [_cell(outcomes, name, arm) for name in sets]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def _cell(outcomes: Sequence[Outcome], name: str, arm: str) -> str:
    whole = {each.seed: each.accuracy for each in outcomes if each.set == name and each.arm == "whole recipe"}
    here = {each.seed: each.accuracy for each in outcomes if each.set == name and each.arm == arm}
    values = [here[seed] if arm == "whole recipe" else here[seed] - whole[seed] for seed in here]
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{100 * statistics.mean(values):{'' if arm == 'whole recipe' else '+'}.2f} ± {100 * error:.2f}"


if __name__ == "__main__":
    main()
