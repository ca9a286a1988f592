"""Optuna in two processes that share its database, one thread each; nothing is tracked, no checkpoint is kept.

python optuna_alone.py FOLDER SEED
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import optuna
import torch
import training
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

PROCESSES = 2


def main(folder: Path, seed: int) -> None:
    """Create the study and run a worker process for each core."""
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", study_name="alone", direction="maximize")
    for each in training.configurations(folder):
        study.enqueue_trial(each)
    command = [sys.executable, __file__, str(folder), str(seed), "worker"]
    workers = [subprocess.Popen(command) for _ in range(PROCESSES)]
    if any(worker.wait() for worker in workers):
        sys.exit("a worker failed")


def work(folder: Path, seed: int) -> None:
    """Trials until all configurations are taken."""
    torch.set_num_threads(1)
    fixed = training.configurations(folder)

    def objective(trial: optuna.Trial) -> float:
        chosen = {key: trial.suggest_categorical(key, sorted({each[key] for each in fixed})) for key in fixed[0]}
        for epoch, (metrics, _, _) in enumerate(training.train(chosen, folder, seed)):
            trial.report(metrics["val_accuracy"], epoch)
        return metrics["val_accuracy"]

    study = optuna.load_study(storage=f"sqlite:///{folder}/optuna.db", study_name="alone")
    taken = MaxTrialsCallback(len(fixed), states=(TrialState.COMPLETE, TrialState.RUNNING))
    study.optimize(objective, callbacks=[taken])


if __name__ == "__main__":
    (work if sys.argv[3:] else main)(Path(sys.argv[1]), int(sys.argv[2]))
