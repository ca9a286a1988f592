"""What augmenting costs: its share of a training step, and each change beside kornia's, on one CPU thread.

    python benchmarks/bench_augmentation.py [--batch 128] [--repeats 31]

The share is that of the default space: the middle of its ranges and each of its first points, for digits (glyphs, 1×8×8) and
for photos of 3×32×32 and 3×64×64, with the network of that point. Times are the thread's own, medians of the repeats, so that
other work on the machine counts little. kornia is measured when it is installed (`pip install kornia`); Convoy does not need it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.data.augmentation.augment import augment
from pipeline.data.augmentation.mixing import mix
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.steps import Resize
from pipeline.data.seeds import generator
from pipeline.data.sources.source import Kind
from pipeline.search.spaces import space as spaces
from pipeline.search.spaces.space import Space
from pipeline.training.fit import Training
from pipeline.training.hyperparameters import Hyperparameters, Value

SPACE = Path(__file__).parents[1] / "search_spaces/cnn.yaml"
SETS: list[tuple[Kind, tuple[int, int, int]]] = [("glyphs", (1, 8, 8)), ("photos", (3, 32, 32)), ("photos", (3, 64, 64))]
LIMIT = 0.25  # of a step, for the default policy
# Of kornia and of ours, the same changes with the same strengths.
CHANGES: dict[str, tuple[dict[str, Any], str, tuple[Any, ...], dict[str, Any]]] = {
    "flip": ({"flip": 0.5}, "RandomHorizontalFlip", (), {"p": 0.5}),
    "rotation, scale, shift, shear": (
        {"rotation_degrees": 15.0, "scale": 0.1, "shift": 0.1, "shear_degrees": 5.0},
        "RandomAffine",
        (15.0, (0.1, 0.1), (0.9, 1.1), 5.0),
        {"padding_mode": "border", "p": 1.0},
    ),
    "crop": ({"crop": 0.125}, "RandomCrop", (), {"p": 1.0, "padding_mode": "replicate"}),  # size and padding: of the images
    "brightness, contrast, saturation, hue": (
        {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1},
        "ColorJiggle",
        (0.2, 0.2, 0.2, 0.1),
        {"p": 1.0},
    ),
    "noise": ({"noise": 0.1}, "RandomGaussianNoise", (), {"std": 0.1, "p": 1.0}),
    "blur": ({"blur": 1.0}, "RandomGaussianBlur", ((7, 7), (0.1, 1.0)), {"p": 1.0}),
    "erase": ({"erase": 0.2}, "RandomErasing", ((0.02, 0.2),), {"p": 1.0}),
    "randaugment": ({"policy": "randaugment"}, "auto.RandAugment", (2, 15), {}),
    "trivialaugment": ({"policy": "trivialaugment"}, "auto.TrivialAugment", (), {}),
    "mixup": ({"mixup": 1.0}, "RandomMixUpV2", (), {"p": 1.0}),
    "cutmix": ({"cutmix": 1.0}, "RandomCutMixV2", (), {"p": 1.0}),
}


def main() -> None:
    """Measure and print; ends with 1 when the default policy takes more than its share."""
    parser = argparse.ArgumentParser(description="What augmenting costs, on one CPU thread.")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=31)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, torch {version('torch')}")
    print(f"batches of {options.batch}, one thread, medians of {options.repeats}")
    worst = max(_shares(options.batch, options.repeats))
    print(f"largest share: {worst:.0%} of a step (limit {LIMIT:.0%})\n")
    _beside_kornia(options.batch, options.repeats)
    sys.exit(worst > LIMIT)


def _shares(batch: int, repeats: int) -> Iterator[float]:
    print(f"\n{'images':10s} {'point of the default space':28s} {'augment ms':>10s} {'step ms':>10s} {'share':>6s}")
    space = spaces.load(SPACE)
    for kind, shape in SETS:
        for name, point in _points(space):
            changing, step = _of_a_step(space.parse(point), kind, shape, batch, repeats)
            print(f"{_text(shape):10s} {name:28s} {changing:10.2f} {step:10.2f} {changing / step:6.1%}")
            yield changing / step


def _points(space: Space) -> Iterator[tuple[str, dict[str, Value]]]:
    """The first points, and the first of them with the middle of the ranges for every change of the images."""
    first = space.completed(space.first_points[0])
    yield "middle of the ranges", {**first, **space.middle("augment.")}
    for number, point in enumerate(space.first_points, start=1):
        yield f"first point {number}", space.completed(point)


def _of_a_step(point: Hyperparameters, kind: Kind, shape: tuple[int, int, int], batch: int, repeats: int) -> tuple[float, float]:
    """Milliseconds of augmenting, and of the whole step that it is a part of."""
    training, drawn, numbers = Training(point, _recipe(kind, shape), seed=0), np.random.default_rng(0), generator("benchmark")
    training.network.train()
    images = torch.from_numpy(drawn.integers(0, 256, (batch, *shape), dtype=np.uint8))
    labels, shares = torch.from_numpy(drawn.integers(0, 10, batch)), images.float() / 255
    changing = _milliseconds(lambda: augment(shares, training.augmentation, kind, numbers), repeats)
    return changing, _milliseconds(lambda: training._step(images, labels, numbers), repeats)


def _recipe(kind: Kind, shape: tuple[int, int, int]) -> Recipe:
    return Recipe(
        source="noise",
        kind=kind,
        classes=tuple("0123456789"),
        decode=Decoding(),
        channels=1 if shape[0] == 1 else 3,
        image_size=shape[1],
        steps=(Resize(fit="stretch"),),
        mean=(0.5,) * shape[0],
        std=(0.25,) * shape[0],
        class_weights=None,
        counts={},
        digests={},
    )


def _beside_kornia(batch: int, repeats: int) -> None:
    try:
        kornia = importlib.import_module("kornia.augmentation")
    except ImportError:
        print("kornia is not installed, so its column is empty")
        kornia = None
    else:
        print(f"kornia {importlib.import_module('kornia').__version__}, which draws from torch's global generator")
    print(f"{'images':10s} {'change':38s} {'ours ms':>8s} {'kornia ms':>10s}")
    for kind, shape in SETS:
        for name in CHANGES:
            theirs = _kornias(kornia, name, batch, shape, repeats)
            print(f"{_text(shape):10s} {name:38s} {_ours(name, kind, batch, shape, repeats):8.2f} {theirs:>10s}")


def _ours(name: str, kind: Kind, batch: int, shape: tuple[int, int, int], repeats: int) -> float:
    images, labels, numbers = torch.rand(batch, *shape), torch.randint(10, (batch,)), generator("benchmark")
    strengths = Augmentation(**CHANGES[name][0])
    if strengths.mixes:
        return _milliseconds(lambda: mix(images, labels, strengths, numbers), repeats)
    return _milliseconds(lambda: augment(images, strengths, kind, numbers), repeats)


def _kornias(kornia: Any, name: str, batch: int, shape: tuple[int, int, int], repeats: int) -> str:
    """Milliseconds, or why there are none."""
    if kornia is None:
        return "–"
    images, labels = torch.rand(batch, *shape), torch.randint(10, (batch,))
    given = (images, labels) if name in ("mixup", "cutmix") else (images,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change = _kornias_change(kornia, name, shape)
        try:
            return f"{_milliseconds(lambda: change(*given), repeats):.2f}"
        except ValueError:  # some want three channels
            return "refuses"


def _kornias_change(kornia: Any, name: str, shape: tuple[int, int, int]) -> Callable[..., object]:
    _, path, arguments, options = CHANGES[name]
    if path == "RandomCrop":
        arguments, options = (shape[1:],), {**options, "padding": shape[1] // 8}
    found: Any = kornia
    for part in path.split("."):
        found = getattr(found, part)
    change: Callable[..., object] = found(*arguments, **options)
    return change


def _milliseconds(act: Callable[[], object], repeats: int) -> float:
    """Median time of this thread, after two rounds that warm up."""
    times = []
    for _ in range(repeats + 2):
        begun = time.thread_time()
        act()
        times.append(1000 * (time.thread_time() - begun))
    return statistics.median(times[2:])


def _text(shape: tuple[int, int, int]) -> str:
    return "×".join(map(str, shape))


if __name__ == "__main__":
    main()
