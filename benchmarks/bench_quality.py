"""Regret against budget of Convoy's search and its peers at equal cost, on recorded and modelled learning curves.

    python benchmarks/bench_quality.py [FOLDER] [--part lcbench|curves|final|synthetic] [--seeds 200] [--results FILE]

Convoy's own conductor, study, samplers and stopping rules decide, its peers' own classes too; workers are played on virtual time,
on which every epoch takes a second. The regret of an arm at a budget, in epochs over all workers, is what the configuration that
it would hand out then, trained in full, lacks to the best one known. Nobody has first points.

FOLDER holds the surrogate yahpo/lcbench (34 data sets; needs `pip install onnxruntime`) and the recorded curves
cnn_cifar10_curves (265 networks); `final` is lcbench with trials that are one epoch long, for samplers alone.
Without a folder two small tables of made-up curves are searched. --results keeps each study's
regrets in a file and skips those that are in it: delete it when the code has changed.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import math
import multiprocessing
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import quality_arms
import quality_problems
from quality_problems import Curve, Problem
from scratch_project import machine

ARMS = ("random", "plain ray", "optuna hyperband", "optuna median", "convoy")
BUDGETS = {"lcbench": (500, 1000, 1500, 2000), "curves": (94, 282, 564), "final": (100, 400), "synthetic": (100, 300)}


@dataclass(frozen=True)
class Job:
    """One study to simulate."""

    arm: str
    problem: str
    seed: int
    budgets: tuple[int, ...]
    workers: int


Regrets = tuple[float, ...]  # one a budget
Results = Mapping[Job, Regrets]


def main() -> None:
    """Simulate and print."""
    options = _options()
    part = options.part or ("lcbench" if options.folder else "synthetic")
    problems = quality_problems.problems(options.folder, part)[:: options.every]
    budgets = tuple(options.budgets or BUDGETS[part])
    jobs = [
        Job(arm, problem.name, seed, budgets, options.workers)
        for seed in range(options.first_seed, options.first_seed + options.seeds)
        for problem in problems
        for arm in options.arms
    ]
    results = run(jobs, {problem.name: problem for problem in problems}, options.processes, options.results)
    print(machine())
    print(f"{len(problems)} data sets, seeds {options.first_seed} to {options.first_seed + options.seeds - 1}")
    print("\n".join(summary(results, options.arms)))
    print("\n".join(table(results, options.arms)))


def simulate(job: Job, problem: Problem) -> Regrets:
    """The regrets of one study at each of its ascending budgets."""
    now = 0.0
    arm = quality_arms.arm(job.arm, problem, job.seed, lambda: now)
    look_up = problem.begin()
    curves: dict[str, Curve] = {}
    trained: dict[str, int] = {}
    busy: list[tuple[float, int, str, int]] = []  # when the epoch ends, order of beginning, trial, epoch
    order = itertools.count()

    def begin() -> None:
        key, values = arm.ask()
        if key not in curves:
            curves[key] = look_up(values)
        heapq.heappush(busy, (now + 1, next(order), key, trained.get(key, 0) + 1))

    for _ in range(job.workers):
        begin()
    regrets: list[float] = []
    for used in range(1, job.budgets[-1] + 1):
        now, _, key, epoch = heapq.heappop(busy)
        trained[key] = epoch
        if arm.hear(key, epoch, curves[key][epoch - 1]):
            begin()
        else:
            heapq.heappush(busy, (now + 1, next(order), key, epoch + 1))
        if used in job.budgets:
            chosen = arm.chosen()
            if chosen is None:
                raise ValueError(f"{job.arm} hands nothing out after {used} epochs")
            regrets.append(problem.optimum - curves[chosen][-1])
    return tuple(regrets)


def run(jobs: Sequence[Job], problems: Mapping[str, Problem], processes: int, file: Path | None = None) -> Results:
    """The regrets of every job, those in `file` taken from there and new ones appended to it."""
    known = dict(_read(file)) if file and file.exists() else {}
    missing = [job for job in jobs if job not in known]
    begun = time.monotonic()
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:
        for job, regrets in pool.map(_Simulation(problems), missing, chunksize=4):
            known[job] = regrets
            if file:
                with file.open("a") as lines:
                    lines.write(json.dumps({**asdict(job), "regrets": regrets}) + "\n")
    if missing:
        seconds = time.monotonic() - begun
        print(f"{len(missing)} studies in {seconds:.0f} s, {processes * seconds / len(missing):.2f} process-seconds each")
    return {job: known[job] for job in jobs}


class _Simulation:
    """simulate, for another process: problems hold functions and travel with the fork, not with the job."""

    problems: Mapping[str, Problem] = {}

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        type(self).problems = problems

    def __call__(self, job: Job) -> tuple[Job, Regrets]:
        return job, simulate(job, self.problems[job.problem])


def summary(results: Results, arms: Sequence[str]) -> Iterator[str]:
    """Markdown: each arm's regret at each budget, mean over data sets and seeds, and how the last arm stands to it."""
    budgets = next(iter(results)).budgets
    ours = arms[-1]
    yield f"\n| Arm | {' | '.join(f'{budget} epochs' for budget in budgets)} |"
    yield f"|---|{'---|' * len(budgets)}"
    for arm in arms:
        cells = []
        for index in range(len(budgets)):
            means, own = _means(results, arm, index), _means(results, ours, index)
            seeds = [statistics.mean(values) for values in _by(results, arm, index, "seed").values()]
            below = sum(own[name] < mean for name, mean in means.items())
            against = "" if arm == ours else f"; {ours} lower on {below} of {len(means)}"
            cells.append(f"{statistics.mean(means.values()):.4f} ± {_error(seeds):.4f}{against}")
        yield f"| {arm} | {' | '.join(cells)} |"
    yield "Means over data sets and seeds ± standard error over seeds."


def table(results: Results, arms: Sequence[str]) -> Iterator[str]:
    """Markdown: each data set's regret at the middle and at the last budget, mean and standard deviation over seeds."""
    budgets = next(iter(results)).budgets
    for index in sorted({len(budgets) // 2, len(budgets) - 1}):
        yield f"\n| {budgets[index]} epochs | {' | '.join(arms)} |"
        yield f"|---|{'---|' * len(arms)}"
        columns = [_by(results, arm, index, "problem") for arm in arms]
        for name in columns[0]:
            cells = [f"{statistics.mean(column[name]):.4f} ± {_deviation(column[name]):.4f}" for column in columns]
            yield f"| {name} | {' | '.join(cells)} |"
    yield "Means ± standard deviation over seeds."


def _means(results: Results, arm: str, index: int) -> dict[str, float]:
    return {name: statistics.mean(values) for name, values in _by(results, arm, index, "problem").items()}


def _by(results: Results, arm: str, index: int, attribute: str) -> dict[str, list[float]]:
    """The regrets of an arm at one budget, by problem or by seed."""
    groups: dict[str, list[float]] = {}
    for job, regrets in results.items():
        if job.arm == arm:
            groups.setdefault(str(getattr(job, attribute)), []).append(regrets[index])
    return groups


def _deviation(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else math.nan


def _error(values: Sequence[float]) -> float:
    return _deviation(values) / math.sqrt(len(values))


def _read(file: Path) -> Iterable[tuple[Job, Regrets]]:
    for line in file.read_text().splitlines():
        record = json.loads(line)
        regrets = tuple(record.pop("regrets"))
        yield Job(**{**record, "budgets": tuple(record["budgets"])}), regrets


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--part", choices=sorted(BUDGETS))
    parser.add_argument("--arms", nargs="+", default=ARMS, help="the last one is compared with the others; see quality_arms.arm")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="only each so-manieth data set")
    parser.add_argument("--budgets", type=int, nargs="+")
    parser.add_argument("--workers", type=int, default=2, help="trials at a time")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
