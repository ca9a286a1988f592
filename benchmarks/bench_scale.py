"""What Convoy itself costs a trial, and whether that grows with their number: searches whose workers answer at once.

Everything is real but the training: Ray Tune, the study in its database, the sampler, the stopping rule, the projection into
MLflow. `--begun` puts so many trials into the study before, by the conductor without Ray, to see what a trial costs after them
without waiting for them all; MLflow is then away, since it would only receive the others.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scratch_project import REPOSITORY, machine, yaml

from pipeline import layout
from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.steps import Resize

_MARGIN = 20  # trials left out at each end of a search, when workers start and stop
_WINDOW = 100  # trials whose cost is compared: the first and the last
_HEADS = (
    "Sampler", "After", "Trials", "Trials/s", "ms a trial, first 100", "last 100", "Suggest and commit, ms", "Driver, MiB",
    "Study, kB a trial", "MLflow, kB a trial", "Sent while searching", "Last pass, s", "Seconds in all",
)  # fmt: skip


def main() -> None:
    """Run each number of trials with each sampler in a process of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--samplers", nargs="+", default=["random", "tpe"])
    parser.add_argument("--epochs", type=int, default=1, help="messages that a worker answers with, one an epoch (default: 1)")
    parser.add_argument("--begun", type=int, nargs="+", default=[0], help="trials that the study holds already (default: 0)")
    parser.add_argument("--without-mlflow", action="store_true", help="a tracking server that is away")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        setup = _Setup(options.trials[0], options.samplers[0], options.epochs, options.begun[0], options.without_mlflow)
        print(json.dumps(_search(setup)))
        return
    print(machine())
    print(f"| {' | '.join(_HEADS)} |")
    print("|" + "---|" * len(_HEADS), flush=True)
    for sampler, begun, trials in itertools.product(options.samplers, options.begun, options.trials):
        setup = _Setup(trials, sampler, options.epochs, begun, options.without_mlflow or begun > 0)
        print(_row(setup, _child(setup)), flush=True)


@dataclass(frozen=True)
class _Setup:
    trials: int
    sampler: str
    epochs: int
    begun: int
    without_mlflow: bool


def _child(setup: _Setup) -> dict[str, Any]:
    arguments = ["--child", "--trials", str(setup.trials), "--samplers", setup.sampler, "--epochs", str(setup.epochs)]
    arguments += ["--begun", str(setup.begun), *(["--without-mlflow"] if setup.without_mlflow else [])]
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _row(setup: _Setup, found: dict[str, Any]) -> str:
    form = {"rate": ".1f", "first": ".0f", "last": ".0f", "suggest": ".1f", "memory": ".0f", "study": ".1f", "mlflow": ".1f",
            "sent": ",d", "last_pass": ".1f", "seconds": ".0f"}  # fmt: skip
    cells = [setup.sampler, f"{setup.begun:,}", f"{setup.trials:,}", *(format(found[name], spec) for name, spec in form.items())]
    return f"| {' | '.join(cells)} |"


def _search(setup: _Setup) -> dict[str, Any]:
    """One search by the product's own code; only its data and its worker are replaced."""
    from pipeline.search import run
    from pipeline.search.conductor import Conductor
    from pipeline.search.execution import ray_environment
    from pipeline.search.settings import SearchParams
    from pipeline.search.spaces.space import load
    from pipeline.tracking.connection import connect

    ray_environment.prepare(1)  # before Ray is imported with the worker
    from pipeline.search.execution import tuner

    suggested: list[float] = []
    ask = Conductor.next

    def timed(conductor: Conductor) -> Any:
        begun = time.perf_counter()
        trial = ask(conductor)
        suggested.append(time.perf_counter() - begun)
        return trial

    with tempfile.TemporaryDirectory(prefix="convoy-scale-") as name:
        folder = Path(name)
        Conductor.next = timed  # type: ignore[method-assign, assignment]
        run._data = lambda recipe, path: _no_data(recipe)  # type: ignore[assignment]
        tuner.TrialWorker = _worker()  # type: ignore[attr-defined, assignment]
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        if not setup.without_mlflow:
            connect(uri).search_experiments()  # its import and its schema take seconds, and would be in the first trials alone
        shown_in = "http://127.0.0.1:9" if setup.without_mlflow else uri
        setting = run.Setting(folder / "state", layout.study_database(folder / "state"), folder, shown_in, {})
        space = load(_space(folder, setup.epochs))
        _begin(setup.begun, space, setting)
        suggested.clear()
        params = SearchParams.model_validate(
            {"trials": setup.begun + setup.trials, "sampler": setup.sampler, "reselect": {"candidates": 1}}
        )
        watch = _Watch()
        begun = time.monotonic()
        with contextlib.redirect_stdout(io.StringIO()):
            snapshot = run.search(params, space, _recipe(), setting)
        seconds = time.monotonic() - begun
        ends = sorted(trial.ended_at or 0.0 for trial in snapshot.trials)[setup.begun :]
        inner = ends[_MARGIN:-_MARGIN]
        return {
            "rate": (len(inner) - 1) / (inner[-1] - inner[0]),
            "first": 1000 * (inner[min(_WINDOW, len(inner) - 1)] - inner[0]) / min(_WINDOW, len(inner) - 1),
            "last": 1000 * (inner[-1] - inner[-min(_WINDOW, len(inner) - 1) - 1]) / min(_WINDOW, len(inner) - 1),
            "suggest": 1000 * statistics.median(suggested[-_WINDOW:]),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "study": _bytes(folder / "state/studies.db") / len(snapshot.trials) / 1000,
            "mlflow": _bytes(folder / "mlflow.db") / setup.trials / 1000,
            "sent": watch.sent_before_the_last_pass,
            "last_pass": watch.last_pass,
            "seconds": seconds,
        }


def _begin(trials: int, space: Any, setting: Any) -> None:
    """Conduct so many trials of the study without Ray."""
    from pipeline.search import identity
    from pipeline.search.conductor import Conductor
    from pipeline.search.execution.messages import Message
    from pipeline.search.settings import SearchParams
    from pipeline.study import store

    if not trials:
        return
    params = SearchParams(trials=trials, sampler="random")
    study, _ = store.create(setting.database, identity.new_study(params, space, _recipe(), {}))
    conductor = Conductor(study, space, params, lambda point: None)
    while (trial := conductor.next()) is not None:
        for metrics in _curve(trial.seed, trial.planned_epochs):
            conductor.heard(Message(trial.key, [metrics]))
    conductor.close({})


def _curve(seed: int, epochs: int) -> list[Any]:
    """Epochs as if they had been trained: a height of its own for each trial."""
    from pipeline.training.metrics import EpochMetrics

    height = np.random.default_rng(seed).random()
    return [EpochMetrics(epoch, 1.0, 1.0, height, height, height, height, 0.1) for epoch in range(1, epochs + 1)]


class _Watch:
    """Notes what each pass of the projection did."""

    def __init__(self) -> None:
        from pipeline.tracking import project as module

        self.sent_before_the_last_pass, self.last_pass, self._created = 0, 0.0, 0
        original = module.project

        def project(*arguments: Any) -> Any:
            self.sent_before_the_last_pass = self._created
            done = original(*arguments)
            self._created += done.created
            self.last_pass = done.seconds
            return done

        module.project = project  # type: ignore[assignment]


def _worker() -> type:
    """The worker of a search with every epoch known in advance; a class of this function, so that Ray sends it by value."""
    from pipeline.search.execution.messages import Assignment, Message
    from pipeline.search.execution.worker import TrialWorker

    class AnswersAtOnce(TrialWorker):
        def reset_config(self, new_config: dict[str, Any]) -> bool:
            task = Assignment(**new_config)
            curve = _curve(task.seed, int(task.hyperparameters["train.epochs"]))
            self._messages = (Message(task.trial_key, [metrics]) for metrics in curve)
            return True

    return AnswersAtOnce


def _space(folder: Path, epochs: int) -> Path:
    """The default space with so many epochs for every trial."""
    space = yaml().load(REPOSITORY / "search_spaces/cnn.yaml")
    space["hyperparameters"]["train.epochs"] = epochs
    space["first_points"] = []
    yaml().dump(space, folder / "space.yaml")
    return folder / "space.yaml"


def _recipe() -> Recipe:
    return Recipe(
        source="nothing", kind="unknown", classes=("a", "b"), decode=Decoding(), channels=3, image_size=32,
        steps=(Resize(fit="stretch"),), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), class_weights=None,
        counts={"train": 1000, "val": 100}, digests={"train": "", "val": ""},
    )  # fmt: skip


def _no_data(recipe: Recipe) -> Any:
    from pipeline.search.execution.messages import TrialData

    nothing = Packed(np.zeros((2, *recipe.shape), dtype=np.uint8), np.zeros(2, dtype=np.int64), ["", ""])
    return TrialData(recipe, nothing, nothing)


def _bytes(file: Path) -> int:
    return sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*"))


if __name__ == "__main__":
    main()
