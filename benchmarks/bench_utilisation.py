"""How much of a machine a search spends on forward, backward and optimizer, and where the rest goes.

    python benchmarks/bench_utilisation.py [--images 10000] [--repeats 1] [--rounds 3] [--arms plain convoy] [--flame FILE]

Share: processor seconds of the fixed configurations at the fastest kernels (one thread alone, data ready as batches, channels
last, pooling before ReLU, bfloat16 where it pays, fused optimizer, large validation batches, memory kept as workers keep it), by
cores × wall seconds of a search that trains them. Processes on all cores at once share caches, memory and clock, so that the same
kernels take longer there; the share of that time is printed as well, since no search that uses all cores can do better.
--repeats makes each configuration so many times as long; --flame writes where a search of Convoy spends its time, by py-spy.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from fixed_search import ARMS, CONFIGURATIONS, SIDE, Configuration, Found, Prepared, hyperparameters, prepared
from scratch_project import machine

from pipeline.data.augmentation.augment import augment
from pipeline.data.batches import batches
from pipeline.data.seeds import generator
from pipeline.models.blocks import build
from pipeline.models.layers import layer_table
from pipeline.search.execution import allocator
from pipeline.training.evaluation import LARGEST_BATCH
from pipeline.training.hyperparameters import parse
from pipeline.training.loss import cross_entropy
from pipeline.training.optimizer import optimizer
from pipeline.training.precision import bfloat16_pays

CORES = len(os.sched_getaffinity(0))
CLASSES = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=10000, help="train images; a quarter as many for validation")
    parser.add_argument("--repeats", type=int, default=1, help="times as many epochs each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--configurations", type=int, default=len(CONFIGURATIONS), help="the first so many")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=["plain", "convoy"])
    parser.add_argument("--busy", action="store_true", help="also with one core kept busy by another program")
    parser.add_argument("--flame", type=Path, help="an SVG to write")
    options = parser.parse_args()
    print(machine())
    fixed = CONFIGURATIONS[: options.configurations]
    with prepared(options.images, fixed, options.repeats) as project:
        kernels, data = (options.repeats * seconds for seconds in _seconds(project.arrays, fixed, processes=1))
        print(f"fastest kernels: {kernels:.1f} processor seconds; data path beside them: {data:.2f} ({data / kernels:.1%})")
        together = options.repeats * _seconds(project.arrays, fixed, processes=CORES)[0]
        print(f"the same on {CORES} cores at once: {together:.1f} processor seconds, {together / kernels:.2f}×", flush=True)
        for name in options.arms:
            results = [project.run(ARMS[name], seed) for seed in range(options.rounds)]
            _print_shares(name, "alone", kernels, results)
            _print_shares(name, "at once", together, results)
        if options.busy:
            _print_busy(project, options.rounds)
        if options.flame is not None:
            _flame(project, options.flame.resolve())


def _seconds(arrays: Path, fixed: Sequence[Configuration], processes: int) -> tuple[float, float]:
    """Processor seconds of one process, in its kernels and in the data path of Convoy: the mean where several do it at once."""
    context = multiprocessing.get_context("spawn")
    with (
        mock.patch.dict(os.environ, allocator.environment(os.environ)),
        context.Pool(processes, _begin_together, [context.Barrier(processes)]) as pool,
    ):
        found = [pool.starmap(_seconds_of, [(arrays, each)] * processes, chunksize=1) for each in fixed]
    kernels, data = zip(*(seconds for configuration in found for seconds in configuration), strict=True)
    return sum(kernels) / processes, sum(data) / processes


def _begin_together(ready: Barrier) -> None:
    torch.set_num_threads(1)
    ready.wait()


def _seconds_of(arrays: Path, configuration: Configuration) -> tuple[float, float]:
    """Processor seconds of one thread for all epochs of a configuration: in its kernels, and in the data path of Convoy."""
    raw = {split: _tensors(arrays, split) for split in ("train", "val")}
    point = parse("cnn", hyperparameters(configuration))
    images, labels = raw["train"]
    order = list(batches(len(labels), configuration["batch"], 0, 1))
    mean, deviation = float(images.float().mean() / 255), float(images.float().std() / 255)

    def ready(chosen: torch.Tensor) -> torch.Tensor:
        return ((chosen.float() / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)

    def data_path() -> None:
        changes = generator("augment", 0, 1)
        for rows in order:
            batch = augment(images[rows].float() / 255, point.augment, "glyphs", changes)
            ((batch - mean) / deviation).contiguous(memory_format=torch.channels_last)

    prepared_batches = [(ready(images[rows]), labels[rows]) for rows in order]
    validation = ready(raw["val"][0]).split(min(LARGEST_BATCH, 2**17 // SIDE**2))
    layers, shape = point.layers(CLASSES), (1, SIDE, SIDE)
    bfloat16 = bfloat16_pays(torch.device("cpu"), sum(row.multiply_adds for row in layer_table(layers, shape)))
    network = build(layers, shape).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    moving = optimizer(network, point.train)

    def epoch() -> None:
        network.train()
        for batch, wanted in prepared_batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = network(batch)
            moving.zero_grad(set_to_none=True)
            cross_entropy(logits.float(), wanted).backward()
            moving.step()
        network.eval()
        with torch.inference_mode():
            for batch in validation:
                network(batch)

    return configuration["epochs"] * _processor_seconds(epoch), configuration["epochs"] * _processor_seconds(data_path)


def _processor_seconds(act: Callable[[], None], times: int = 2) -> float:
    """The least of several times, as processor time of this process."""
    found = []
    for _ in range(times):
        begun = time.process_time()
        act()
        found.append(time.process_time() - begun)
    return min(found)


def _tensors(folder: Path, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.load(folder / f"{split}_images.npy")), torch.from_numpy(np.load(folder / f"{split}_labels.npy"))


def _print_shares(name: str, where: str, kernels: float, results: Sequence[Found]) -> None:
    whole = [kernels / (CORES * one.cost.seconds) for one in results]
    walls = [one.cost.seconds for one in results]
    line = f"{name:10s}  wall {_spread(walls)} s  {_percent(whole)} of the machine in kernels {where}"
    if all(one.around_seconds is not None for one in results):
        loop = [kernels / (CORES * (one.cost.seconds - (one.around_seconds or 0.0))) for one in results]
        line += f"; of the search loop {_percent(loop)}"
    print(line, flush=True)


def _print_busy(project: Prepared, rounds: int) -> None:
    """Convoy quiet and beside a program that keeps one core busy, alternating."""
    quiet, busy = [], []
    for seed in range(rounds):
        quiet.append(project.run(ARMS["convoy"], seed).cost.seconds)
        with _one_core_busy():
            busy.append(project.run(ARMS["convoy"], seed).cost.seconds)
    ratios = [one / other for one, other in zip(busy, quiet, strict=True)]
    print(f"one core busy: wall {_spread(busy)} s, quiet {_spread(quiet)} s, {_spread(ratios, '.2f')}×", flush=True)


@contextmanager
def _one_core_busy() -> Iterator[None]:
    """Another program computes on the first core, at the usual priority."""
    other = multiprocessing.get_context("spawn").Process(target=_compute, daemon=True)
    other.start()
    try:
        yield
    finally:
        other.terminate()
        other.join()


def _compute() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    while True:
        sum(range(100_000))


def _flame(project: Prepared, file: Path) -> None:
    project.forget(seed=0)
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--subprocesses", "--nonblocking", "--output", str(file)]
    subprocess.run([*command, "--", sys.executable, "-m", "pipeline", "search"], cwd=project.project, check=True)


def _percent(shares: Sequence[float]) -> str:
    return f"{statistics.median(shares):.0%} ({min(shares):.0%}–{max(shares):.0%})"


def _spread(values: Sequence[float], form: str = ".1f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


if __name__ == "__main__":
    main()
