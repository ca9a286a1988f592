"""Trials in a process whose memory is capped: `python capped.py <folder> <megabytes> <hyperparameters as JSON>…`.

Prints one JSON line a trial: the state it ended in, its epochs, the reason and the note.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from pipeline.search.execution.messages import Assignment, TrialData
from pipeline.search.execution.trial import run_trial
from tests.training.samples import noise


def main(folder: str, megabytes: str, *trials: str) -> None:
    """Train the trials one after the other, in at most so much memory more than an idle worker has."""
    train, recipe = noise(64, size=64)
    data = TrialData(recipe, train, train)
    small = {"train.epochs": 1, "model.num_conv_layers": 1, "model.filters": 2}
    list(run_trial(_assignment(folder, "warm-up", small), data))
    idle = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    cap = idle + int(megabytes) * 10**6
    resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    for number, text in enumerate(trials):
        messages = list(run_trial(_assignment(folder, f"trial-{number}", json.loads(text)), data))
        told = {"epochs": sum(len(message.epochs) for message in messages), **_end(messages[-1])}
        print(json.dumps(told), flush=True)


def _assignment(folder: str, key: str, hyperparameters: dict[str, bool | int | float | str]) -> Assignment:
    return Assignment(key, "cnn", hyperparameters, seed=3, folder=folder, threads=1, device="cpu")


def _end(message: object) -> dict[str, object]:
    return {name: getattr(message, name) for name in ("end", "reason", "note")}


if __name__ == "__main__":
    main(*sys.argv[1:])
