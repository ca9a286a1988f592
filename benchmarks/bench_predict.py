"""`convoy predict` against decoding and the bare network alone: images a second, alternating, in one run.

    python benchmarks/bench_predict.py [--count 2000] [--rounds 5]

Photos of 500×375 pixels as JPEG and small PNGs of 28×28, invented and written to a temporary folder; a network of three
convolutions as refit exports it, untrained, since what weights say changes no time. The bare loop reads and decodes every file in
one thread, then gives the exported program batches of 256 images of one size; nothing else. Predict writes a CSV file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scratch_project import machine

from pipeline import artifacts
from pipeline.data.images.decode import decode
from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.steps import Resize
from pipeline.models.blocks import build
from pipeline.prediction import output
from pipeline.prediction.files import files
from pipeline.prediction.model import Model, load
from pipeline.prediction.predict import label
from pipeline.training.handout import handout
from pipeline.training.hyperparameters import parse

_BATCH = 256
_SETS = {"photos": ((375, 500, 3), 64, "jpg"), "glyphs": ((28, 28), 28, "png")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000, help="of photos; five times as many glyphs")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    print("bare loop / predict, median and range of the rounds")
    print("set     engine  bare images/s  wall time         processor time")
    with tempfile.TemporaryDirectory() as folder:
        for name, (shape, side, ending) in _SETS.items():
            count = options.count if name == "photos" else 5 * options.count
            images = Path(folder) / name
            _write_images(images, count, shape, ending)
            _write_model(Path(folder) / f"{name}-model", 3 if len(shape) == 3 else 1, side)
            for engine in ("torch", "onnx"):
                model = load(Path(folder) / f"{name}-model", engine, "cpu")
                _compare(name, model, images, options.rounds)


def _compare(name: str, model: Model, images: Path, rounds: int) -> None:
    count = sum(1 for _ in files([images]))
    _bare(model, images)
    pairs = [(_timed(_bare, model, images), _timed(_predict, model, images)) for _ in range(rounds)]
    rate = count / statistics.median(bare.wall for bare, _ in pairs)
    wall = _shown([bare.wall / ours.wall for bare, ours in pairs])
    processor = _shown([bare.processor / ours.processor for bare, ours in pairs])
    print(f"{name:7s} {model.engine:6s}  {rate:13.0f}  {wall}  {processor}", flush=True)


def _shown(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def _bare(model: Model, images: Path) -> None:
    paths = sorted(images.iterdir())
    for start in range(0, len(paths), _BATCH):
        pixels = [decode(path.read_bytes(), model.decoding).pixels.transpose(2, 0, 1) for path in paths[start : start + _BATCH]]
        model.answer(np.stack(pixels))


def _predict(model: Model, images: Path) -> None:
    output.write(images.with_suffix(".csv"), model.classes, label(model, files([images])))


@dataclass(frozen=True)
class _Seconds:
    wall: float
    processor: float  # of all threads


def _timed(act: Callable[[Model, Path], None], model: Model, images: Path) -> _Seconds:
    wall, processor = time.perf_counter(), time.process_time()
    act(model, images)
    return _Seconds(time.perf_counter() - wall, time.process_time() - processor)


def _write_images(folder: Path, count: int, shape: tuple[int, ...], ending: str) -> None:
    folder.mkdir()
    for number, pixels in zip(range(count), _invented(shape), strict=False):
        Image.fromarray(pixels).save(folder / f"{number:06d}.{ending}")


def _invented(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Smooth with a little noise, so that a file is about as large as that of a photo."""
    numbers = np.random.default_rng(0)
    while True:
        coarse = Image.fromarray(numbers.integers(0, 236, (12, 16, *shape[2:]), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
        for _ in range(50):
            yield np.roll(smooth, int(numbers.integers(shape[1])), 1) + numbers.integers(0, 20, shape, dtype=np.uint8)


def _write_model(folder: Path, channels: int, side: int) -> None:
    recipe = Recipe(
        source="invented",
        kind="unknown",
        classes=tuple(f"class {number}" for number in range(10)),
        decode=Decoding(),
        channels=3 if channels == 3 else 1,
        image_size=side,
        steps=(Resize(fit="stretch"),),
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        class_weights=None,
        counts={},
        digests={},
    )
    hyperparameters = parse("cnn", {"model.num_conv_layers": 3, "model.filters": 32})
    torch.manual_seed(0)
    network = build(hyperparameters.layers(10), recipe.shape).eval()
    for name, content in handout(network, recipe).items():
        artifacts.write_bytes(folder / name, content)
    facts = {"classes": list(recipe.classes), "recipe": recipe.model_dump(mode="json")}
    artifacts.write_text(folder / "model.json", json.dumps(facts))
    artifacts.write_manifest(folder)


if __name__ == "__main__":
    main()
