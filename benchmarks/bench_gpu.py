"""What a GPU is worth to Convoy: beside an eager script, shared among trials, with other kinds of steps, and in a whole search.

    python benchmarks/bench_gpu.py [--parts speed variants packing search] [--minutes 10] [--data FOLDER] [--output FOLDER]

Without a GPU it says so and ends; `--device cpu --quick` runs every part for seconds on a processor, which shows that it works
and measures nothing. Each part is one table of Markdown, printed and written to benchmarks/results. On one GPU and 16 cores
`speed`, `variants` and `packing` should take some two minutes each, and `search` its --minutes and one or two more.

speed, variants and packing train on random images. They need torch with CUDA, numpy, psutil, pydantic and ruamel.yaml,
and this repository on PYTHONPATH; `variants` compiles, for which torch needs a C++ compiler and Triton. `search` needs Convoy as
it is installed and CIFAR-10 as ingest reads it: the archive cifar-10-binary.tar.gz in --data, or with --source folder or arrays
what those read. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import gpu_loader
import gpu_variants
import numpy as np
import torch

from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.steps import Resize
from pipeline.models.blocks import build
from pipeline.search.execution.packing import Packing
from pipeline.training.fit import Training
from pipeline.training.hyperparameters import Hyperparameters, Value, parse

SHAPE, CLASSES = (3, 32, 32), 10
NETWORKS: dict[str, tuple[str, dict[str, Value]]] = {
    "two convolutions": ("cnn", {"train.batch_size": 64, "augment.flip": 0.5, "augment.crop": 0.125}),
    "ResNet-20": ("resnet", {"train.batch_size": 128, "augment.flip": 0.5, "augment.crop": 0.125}),
    "wide ResNet": (
        "resnet",
        {"model.filters": 64, "model.blocks_per_stage": 4, "train.batch_size": 256, "augment.flip": 0.5, "augment.crop": 0.125},
    ),
}
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    images: int
    epochs: int  # after a first one
    seconds: float  # of steps, or of trials that share a GPU
    networks: tuple[str, ...]
    sharing: tuple[int, ...]


FULL = Size(20_000, 3, 4.0, tuple(NETWORKS), (1, 2, 4, 8, 16))
QUICK = Size(256, 1, 0.2, ("two convolutions",), (1, 2))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; nothing is written without --output")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the search")
    parser.add_argument("--source", default="cifar10", help="of the search, as in ingest.source")
    parser.add_argument("--data", type=Path, default=Path("data/raw"), help="of the search, as in ingest.path")
    parser.add_argument("--space", default="search_spaces/resnet.yaml", help="of the search")
    parser.add_argument("--output", type=Path, help=f"folder to write to, default {RESULTS}")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("skipped: torch finds no GPU here; --device cpu --quick shows that this works")
        return
    print(_machine(options.device))
    for part in options.parts:
        table = PARTS[part](options, QUICK if options.quick else FULL)
        print(f"\n{table}", flush=True)
        folder = options.output or (None if options.quick else RESULTS)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            _file(folder, part, options.device).write_text(f"{_machine(options.device)}\n\n`{_command()}`\n\n{table}\n")


def speed(options: argparse.Namespace, size: Size) -> str:
    """Images a second of one trial on one device, beside a script that trains the same network."""
    device, rows = torch.device(options.device), []
    for name in size.networks:
        point, data = _point(name), _noise(size.images)
        script = gpu_loader.images_a_second(
            build(point.layers(CLASSES), SHAPE), *_tensors(data), point.train.batch_size, device, size.epochs
        )
        seconds = [metrics.seconds for metrics in _training(point, size.epochs + 1, options.device).fit(data, _noise(10))]
        convoy = size.images / statistics.median(seconds[1:])
        rows.append((name, point.train.batch_size, f"{script:,.0f}", f"{convoy:,.0f}", f"{convoy / script:.1f}×"))
    title = f"Images a second in training, median of {size.epochs} epochs of {size.images:,d} images after a first one"
    return _table(title, ("Network", "Batch", "Eager float32 script with a loader", "Convoy", "Ratio"), rows)


def variants(options: argparse.Namespace, size: Size) -> str:
    """Steps computed in other ways, and after how many steps what takes time to prepare has paid."""
    data, rows = _noise(size.images), []
    images, labels = (part.to(options.device) for part in _tensors(data))
    for name in size.networks:
        point = _point(name)
        plain: gpu_variants.Found | None = None
        for variant in gpu_variants.VARIANTS:
            if variant.how == "graphs" and options.device == "cpu":
                rows.append((name, variant, "", "", "there are none on a processor"))
                continue
            found = gpu_variants.measure(
                variant,
                partial(build, point.layers(CLASSES), SHAPE),
                images,
                labels,
                point.train.batch_size,
                size.seconds,
            )
            plain = found if variant.how == "eager" else plain
            rate, pays = point.train.batch_size / found.step, "" if variant.how == "eager" else _pays(plain, found)
            rows.append((name, variant, f"{rate:,.0f}", f"{found.to_prepare:.1f}", pays))
    headings = ("Network", "Step", "Images a second", "Seconds to prepare", "Pays after steps, against the same eager")
    return _table(f"Ways to compute a step, {size.seconds:g} s each, images on the device", headings, rows)


def packing(options: argparse.Namespace, size: Size) -> str:
    """Trials that share one device, each in a process with its part of the memory, as a search runs them."""
    rows = []
    for name in size.networks[:2]:
        alone = 0.0
        for trials in size.sharing:
            found = _shared(name, trials, options.device, size)
            total = sum(rate for rate, _ in found)
            alone = alone or total
            peak = max(peak for _, peak in found)
            rows.append((name, trials, f"{total:,.0f}", f"{total / alone:.2f}×", f"{peak / 2**20:,.0f}"))
    headings = ("Network", "Trials", "Images a second, all together", "Against one", "Peak MiB of tensors of a trial")
    return _table(f"Trials on one {'GPU' if options.device == 'cuda' else 'processor'}, {size.seconds:g} s each", headings, rows)


def search(options: argparse.Namespace, size: Size) -> str:
    """A search of Convoy as a user runs it."""
    import pandas as pd  # comes with Convoy, as all below
    from scratch_project import run_stage, scratch_project

    quick = size is QUICK
    changes = {
        "ingest": {"source": "digits"}
        if quick
        else {"source": options.source, "path": str(options.data.resolve()), "download": False},
        "search": {
            "space": "search_spaces/cnn.yaml" if quick else options.space,
            "trials": 2 if quick else None,
            "time_limit_minutes": None if quick else options.minutes,
            "reselect": {"candidates": 1},
        },
    }
    with scratch_project(changes) as project:
        for stage in ("ingest", "split", "preprocess"):
            run_stage(stage, project)
        told = run_stage("check", project).output
        cost = run_stage("search", project)
        curves = pd.read_csv(project / "results/search/curves.csv")
        summary = json.loads((project / "results/search/summary.json").read_text())
    trials = sum(summary["trials"].values())
    rows = [
        ("Given to a trial", next((line for line in told.splitlines() if "at once" in line), "")),
        ("Seconds of the whole stage", f"{cost.seconds:.0f}"),
        ("Trials", f"{trials}: {', '.join(f'{count} {state}' for state, count in summary['trials'].items())}"),
        ("Epochs", len(curves)),
        ("Best validation accuracy", f"{summary['val_accuracy']:.4f}"),
    ]
    return _table(f"A search on {'digits' if quick else options.source}", ("", ""), rows)


PARTS: dict[str, Callable[[argparse.Namespace, Size], str]] = {
    "speed": speed,
    "variants": variants,
    "packing": packing,
    "search": search,
}


def _shared(name: str, trials: int, device: str, size: Size) -> list[tuple[float, int]]:
    """Images a second and peak bytes of each trial, of so many that begin to count together and end together."""
    spawn = multiprocessing.get_context("spawn")
    ends = [spawn.Pipe() for _ in range(trials)]
    processes = [spawn.Process(target=_trial, args=(theirs, name, trials, device, size), daemon=True) for _, theirs in ends]
    for process in processes:
        process.start()
    for ours, _ in ends:
        ours.recv()  # it is warm
    for ours, _ in ends:
        ours.send("begin")
    found = [ours.recv() for ours, _ in ends]
    for process in processes:
        process.join()
    return found


def _trial(connection: Connection, name: str, trials: int, device: str, size: Size) -> None:
    torch.set_num_threads(1)
    if device == "cuda":
        memory = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(Packing(trials, memory).cap)
    epochs = _training(_point(name), 1000, device).fit(_noise(size.images), _noise(10))
    next(epochs)
    connection.send("warm")
    connection.recv()
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < size.seconds:
        next(epochs)
        done += size.images
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    connection.send((done / (time.perf_counter() - begun), peak))


def _pays(eager: gpu_variants.Found | None, found: gpu_variants.Found) -> str:
    saved = (eager.step if eager else 0.0) - found.step
    longer = found.to_prepare - (eager.to_prepare if eager else 0.0)
    return f"{max(0.0, longer) / saved:,.0f}" if saved > 0 else "never"


def _point(name: str) -> Hyperparameters:
    return parse(*NETWORKS[name])


def _training(point: Hyperparameters, epochs: int, device: str) -> Training:
    longer = parse(point.family, {**point.flat(), "train.epochs": epochs})
    return Training(longer, _recipe(), seed=0, device=device)


def _noise(count: int) -> Packed:
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (count, *SHAPE), np.uint8)
    return Packed(images, np.arange(count, dtype=np.int64) % CLASSES, [str(row) for row in range(count)])


def _tensors(data: Packed) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.asarray(data.images)), torch.from_numpy(data.labels)


def _recipe() -> Recipe:
    return Recipe(
        source="noise",
        kind="photos",
        decode=Decoding(),
        class_weights=None,
        classes=tuple(str(label) for label in range(CLASSES)),
        channels=3,
        image_size=SHAPE[1],
        steps=(Resize(fit="stretch"),),
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        counts={},
        digests={},
    )


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join([f"{title}.\n", *(f"| {' | '.join(map(str, line))} |" for line in lines)])


def _machine(device: str) -> str:
    """Date, card and versions: what every figure needs beside it."""
    card = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    cuda = f", CUDA {torch.version.cuda}" if device == "cuda" else ""
    cores = len(os.sched_getaffinity(0))
    return f"{datetime.date.today()}: {card}, {cores} cores, Python {platform.python_version()}, torch {torch.__version__}{cuda}"


def _file(folder: Path, part: str, device: str) -> Path:
    card = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return folder / f"gpu-{part}-{datetime.date.today()}-{card.replace(' ', '-')}.md"


def _command() -> str:
    return f"python benchmarks/bench_gpu.py {' '.join(sys.argv[1:])}"


if __name__ == "__main__":
    main()
