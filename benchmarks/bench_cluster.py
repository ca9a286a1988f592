"""Whether more nodes do more: searches on clusters of hosts that are namespaces of this machine, whose workers sleep.

A core for each worker is not there, so a worker answers after a time instead of training, and loads no torch; everything else is
real: Ray on every host, the token, the probe of the storage, the study, the sampler, the stopping rule, Ray Tune, and with
`--mlflow` the projection. As root. What is compared is the time in which all workers slept with what it took: 100 % would be a
driver, and a network, that take none.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_scale import _curve, _no_data, _recipe, _space
from scratch_project import REPOSITORY, machine

from pipeline.study.records import TrialRecord

_HEADS = (
    "Nodes", "Workers", "Trials", "Seconds each", "Sampler, rule", "Whole trials an hour", "Of what is possible",
    "Waits for the next trial, s", "between epochs, s", "All at work after, s", "Driver, CPU s a trial", "Driver, MiB", "Load",
)  # fmt: skip
_PATIENT: dict[str, Any] = {  # nodes that share two cores start their workers slowly
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_worker_niceness": "0",
    "RAY_prestart_worker_first_driver": "false",  # those have not our code, so trials run in others
}


@dataclass(frozen=True)
class _Setup:
    nodes: int
    cpus: int
    trials: int
    epochs: int
    seconds: float
    sampler: str
    stopping: str
    mlflow: bool

    @property
    def workers(self) -> int:
        return self.nodes * self.cpus


def main() -> None:
    """A row for each number of nodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--cpus", type=int, default=4, help="workers of a node (default: 4)")
    parser.add_argument("--waves", type=float, default=12, help="trials of each worker (default: 12)")
    parser.add_argument("--trials", type=int, help="of all workers, in place of waves")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="that an epoch takes (default: 1)")
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--stopping", default="none")
    parser.add_argument("--mlflow", action="store_true", help="in a file beside the study; otherwise it is away")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_search(_Setup(**json.loads(options.child)))))
        return
    print(machine())
    print(f"| {' | '.join(_HEADS)} |")
    print("|" + "---|" * len(_HEADS), flush=True)
    for nodes in options.nodes:
        trials = options.trials or round(options.waves * nodes * options.cpus)
        rules = (options.sampler, options.stopping, options.mlflow)
        setup = _Setup(nodes, options.cpus, trials, options.epochs, options.seconds, *rules)
        print(_row(setup, _on_hosts(setup)), flush=True)


def _row(setup: _Setup, found: dict[str, Any]) -> str:
    length = setup.epochs * setup.seconds
    share = found["rate"] * length / setup.workers
    cells = [setup.nodes, setup.workers, f"{setup.trials:,}", f"{length:g}", f"{setup.sampler}, {setup.stopping}"]
    cells += [f"{3600 * found['rate']:,.0f}", f"{share:.1%}", _spread(found["trial"]), _spread(found["epoch"])]
    cells += [f"{found['begun']:.0f}", f"{found['driver']:.3f}", f"{found['memory']:.0f}", f"{found['load']:.1f}"]
    return f"| {' | '.join(map(str, cells))} |"


def _spread(waits: list[float]) -> str:
    """Median, 95th percentile and longest."""
    return f"{statistics.median(waits):.2f} ({statistics.quantiles(waits, n=20, method='inclusive')[-1]:.2f}, {max(waits):.2f})"


def _on_hosts(setup: _Setup) -> dict[str, Any]:
    sys.path.insert(0, str(REPOSITORY))
    from tests.cluster.searching import cluster

    with tempfile.TemporaryDirectory(prefix="convoy-cluster-") as name, cluster(Path(name) / "shared") as made:
        made.join(setup.nodes, cpus=setup.cpus, **_PATIENT)
        command = ("python", str(Path(__file__).resolve()), "--child", json.dumps(asdict(setup)))
        paths = f"{REPOSITORY}:{REPOSITORY / 'benchmarks'}"
        driver = made.head.popen(*command, output=subprocess.PIPE, PYTHONPATH=paths, CONVOY_SHARED=str(made.shared))
        output, errors = driver.communicate()
        if driver.returncode:
            sys.exit(output + errors)
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
        return found


def _search(setup: _Setup) -> dict[str, Any]:
    """One search by the product's own code; only its data and its worker are replaced."""
    from pipeline.cluster.settings import ClusterParams
    from pipeline.search import run
    from pipeline.search.execution import ray_environment
    from pipeline.search.settings import SearchParams
    from pipeline.search.spaces.space import load

    ray_environment.prepare_to_join()  # before Ray is imported with the worker
    from pipeline.search.execution import tuner

    shared = Path(os.environ["CONVOY_SHARED"])
    run._data = lambda recipe, path: _no_data(recipe)  # type: ignore[assignment]
    tuner.TrialWorker = _worker(setup.seconds, shared)  # type: ignore[attr-defined, assignment]
    with tempfile.TemporaryDirectory(prefix="convoy-cluster-") as name:
        folder = Path(name)
        cluster = ClusterParams(address="auto", storage=str(shared))
        database = f"sqlite:///{folder / 'state/studies.db'}"
        shown_in = f"sqlite:///{folder / 'mlflow.db'}" if setup.mlflow else "http://127.0.0.1:9"
        setting = run.Setting(folder / "state", database, folder, shown_in, {}, cluster)
        rules = {"sampler": setup.sampler, "stopping": setup.stopping, "reselect": {"candidates": 1}}
        params = SearchParams.model_validate({"trials": setup.trials, **rules})
        with contextlib.redirect_stdout(io.StringIO()):
            snapshot = run.search(params, load(_space(folder, setup.epochs)), _recipe(), setting)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        **_measured([trial for trial in snapshot.trials if trial.epochs], setup, _said(shared)),
        "driver": (used.ru_utime + used.ru_stime) / setup.trials,
        "memory": used.ru_maxrss / 1024,
        "load": os.getloadavg()[2],
    }


def _measured(trials: Sequence[TrialRecord], setup: _Setup, said: Sequence[_Said]) -> dict[str, Any]:
    """From when every worker had begun to when the last trial did: whole trials a second, by their epochs, and the waits."""
    began = sorted(trial.committed_at[0] - setup.seconds for trial in trials)
    first, last = max(one.at for one in said if one.what == "begun"), began[-1]
    heard = sum(first < moment <= last for trial in trials for moment in trial.committed_at)
    waits = {what: [one.seconds for one in said if one.what == what and first < one.at <= last] for what in ("trial", "epoch")}
    return {"rate": heard / setup.epochs / (last - first), "begun": first - began[0], **waits}


@dataclass(frozen=True)
class _Said:
    """A worker began its first trial, or waited so many seconds for its next trial or to go on with its epochs."""

    at: float
    what: str
    seconds: float


def _said(shared: Path) -> list[_Said]:
    lines = [line.split() for file in shared.glob("*.waits") for line in file.read_text().splitlines()]
    return [_Said(float(at), what, float(seconds)) for at, what, seconds in lines]


def _worker(seconds: float, shared: Path) -> type:
    """One that sleeps through an epoch and notes how long it waits; a class of this function, so that Ray sends it by value."""
    from pipeline.search.execution.messages import Assignment, Message
    from pipeline.search.execution.worker import MESSAGE, TrialWorker

    message, curve, clock, sleep = MESSAGE, _curve_by_value(), time.time, time.sleep

    class Sleeps(TrialWorker):
        def setup(self, config: dict[str, Any], data: Any) -> None:  # type: ignore[override]  # tune.with_parameters adds it
            self._notes, self._what, self._since = shared / f"{uuid.uuid4()}.waits", "begun", clock()
            super().setup(config, data)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            task = Assignment(**new_config)
            self._epochs = [Message(task.trial_key, [epoch]) for epoch in curve(task.seed, task.hyperparameters["train.epochs"])]
            self._what = "trial" if self._what == "epoch" else self._what
            return True

        def step(self) -> dict[str, Any]:
            with self._notes.open("a") as notes:
                print(clock(), self._what, clock() - self._since, file=notes)
            sleep(seconds)
            self._what, self._since = "epoch", clock()
            return {message: self._epochs.pop(0)}

    return Sleeps


def _curve_by_value() -> Any:
    """Nodes do not have this folder."""
    import bench_scale
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(bench_scale)  # type: ignore[no-untyped-call]
    return _curve


if __name__ == "__main__":
    main()
