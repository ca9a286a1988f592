"""Accuracy and time of the default run on the digits data, over several seeds of split, search and refit.

    python benchmarks/digits.py [--seeds 5] [--trials 20]

Each seed goes through the real stages, ingest to evaluate, in a folder of its own that is deleted afterwards.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass

from scratch_project import REPOSITORY, machine, run_stage, scratch_project, yaml

STAGES = ("ingest", "split", "preprocess", "search", "refit", "evaluate")


@dataclass(frozen=True)
class Result:
    """What one seed came to; seconds of the search alone and of all stages."""

    seed: int
    trials: int
    val_accuracy: float
    test_accuracy: float
    search_seconds: float
    seconds: float


def main() -> None:
    """Measure and print; the last line is the figure to quote."""
    parser = argparse.ArgumentParser(description="Accuracy of the default run on the digits data.")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, … of split, search and refit")
    parser.add_argument("--trials", type=int, default=yaml().load(REPOSITORY / "params.yaml")["search"]["trials"])
    options = parser.parse_args()
    print(machine())
    print("seed  trials  val_accuracy  test_accuracy  search s  all s")
    results = []
    for seed in range(options.seeds):
        results.append(measure(seed, options.trials))
        print(_row(results[-1]), flush=True)
    print(_summary(results))


def measure(seed: int, trials: int) -> Result:
    """One whole run in a temporary project."""
    changes: dict[str, dict[str, object]] = {
        "ingest": {"source": "digits"},
        "split": {"seed": seed},
        "search": {"seed": seed, "trials": trials, "time_limit_minutes": None, "tracking_uri": None},
        "refit": {"seed": seed},
    }
    with scratch_project(changes) as project:
        seconds = {stage: run_stage(stage, project).seconds for stage in STAGES}
        search = json.loads((project / "results/search/summary.json").read_text())
        test = json.loads((project / "results/evaluation/metrics.json").read_text())
    counted = sum(count for state, count in search["trials"].items() if state != "infeasible")
    total = sum(seconds.values())
    return Result(seed, counted, search["val_accuracy"], test["test_accuracy"], seconds["search"], total)


def _row(result: Result) -> str:
    accuracy = f"{result.val_accuracy:12.4f}  {result.test_accuracy:13.4f}"
    return f"{result.seed:4d}  {result.trials:6d}  {accuracy}  {result.search_seconds:8.0f}  {result.seconds:5.0f}"


def _summary(results: list[Result]) -> str:
    accuracies = [result.test_accuracy for result in results]
    seconds = [result.search_seconds for result in results]
    accuracy = f"median {statistics.median(accuracies):.4f}, minimum {min(accuracies):.4f}, n = {len(results)} seeds"
    search = f"median {statistics.median(seconds):.0f}, maximum {max(seconds):.0f}"
    return f"test accuracy on digits: {accuracy}; seconds a search: {search}"


if __name__ == "__main__":
    main()
