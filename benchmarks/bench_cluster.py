"""Whether more nodes do more: searches on clusters of hosts that are namespaces of this machine, whose workers sleep.

A core for each worker is not there, so a worker answers after a time instead of training; everything else is real: Ray on every
host, the token, the probe of the storage, the study, the sampler, Ray Tune. As root. What is compared is the time in which all
workers slept with what it took: 100 % would be a driver, and a network, that take none.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_scale import _curve, _no_data, _recipe, _space
from scratch_project import REPOSITORY, machine

from pipeline.study.records import TrialRecord

_HEADS = ("Nodes", "Workers", "Trials", "Seconds a trial", "Sampler", "Trials an hour", "Of linear", "Driver, CPU s a trial")


@dataclass(frozen=True)
class _Setup:
    nodes: int
    cpus: int
    trials: int
    epochs: int
    seconds: float
    sampler: str

    @property
    def workers(self) -> int:
        return self.nodes * self.cpus


def main() -> None:
    """A row for each number of nodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--cpus", type=int, default=4, help="workers of a node (default: 4)")
    parser.add_argument("--waves", type=float, default=12, help="trials of each worker (default: 12)")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="that an epoch takes (default: 1)")
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_search(_Setup(**json.loads(options.child)))))
        return
    print(machine())
    print(f"| {' | '.join(_HEADS)} |")
    print("|" + "---|" * len(_HEADS), flush=True)
    for nodes in options.nodes:
        trials = round(options.waves * nodes * options.cpus)
        setup = _Setup(nodes, options.cpus, trials, options.epochs, options.seconds, options.sampler)
        print(_row(setup, _on_hosts(setup)), flush=True)


def _row(setup: _Setup, found: dict[str, float]) -> str:
    length = setup.epochs * setup.seconds
    share = found["rate"] * length / setup.workers
    cells = [setup.nodes, setup.workers, f"{setup.trials:,}", f"{length:g}", setup.sampler]
    return f"| {' | '.join(map(str, cells))} | {3600 * found['rate']:,.0f} | {share:.1%} | {found['driver']:.3f} |"


def _on_hosts(setup: _Setup) -> dict[str, float]:
    sys.path.insert(0, str(REPOSITORY))
    from tests.cluster.searching import cluster

    with tempfile.TemporaryDirectory(prefix="convoy-cluster-") as name, cluster(Path(name) / "shared") as made:
        made.join(setup.nodes, cpus=setup.cpus)
        command = ("python", str(Path(__file__).resolve()), "--child", json.dumps(asdict(setup)))
        paths = f"{REPOSITORY}:{REPOSITORY / 'benchmarks'}"
        driver = made.head.popen(*command, output=subprocess.PIPE, PYTHONPATH=paths, CONVOY_SHARED=str(made.shared))
        output, errors = driver.communicate()
        if driver.returncode:
            sys.exit(output + errors)
        found: dict[str, float] = json.loads(output.splitlines()[-1])
        return found


def _search(setup: _Setup) -> dict[str, float]:
    """One search by the product's own code; only its data and its worker are replaced. MLflow is away."""
    import os

    from pipeline.cluster.settings import ClusterParams
    from pipeline.search import ray_environment, run
    from pipeline.search.settings import SearchParams
    from pipeline.search.space import load

    ray_environment.prepare_to_join()  # before Ray is imported with the worker
    from pipeline.search import tuner

    run._data = lambda recipe, path: _no_data(recipe)  # type: ignore[assignment]
    tuner.TrialWorker = _worker(setup.seconds)  # type: ignore[attr-defined, assignment]
    with tempfile.TemporaryDirectory(prefix="convoy-cluster-") as name:
        folder = Path(name)
        cluster = ClusterParams(address="auto", storage=os.environ["CONVOY_SHARED"])
        database = f"sqlite:///{folder / 'state/studies.db'}"
        setting = run.Setting(folder / "state", database, folder, "http://127.0.0.1:9", {}, cluster)
        params = SearchParams.model_validate(
            {"trials": setup.trials, "sampler": setup.sampler, "stopping": "none", "reselect": {"candidates": 1}}
        )
        with contextlib.redirect_stdout(io.StringIO()):
            snapshot = run.search(params, load(_space(folder, setup.epochs)), _recipe(), setting)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"rate": _rate(snapshot.trials, setup), "driver": (used.ru_utime + used.ru_stime) / setup.trials}


def _rate(trials: Sequence[TrialRecord], setup: _Setup) -> float:
    """Trials a second, by their epochs, from when a third of the trials had begun, and all workers with them, to the last."""
    begun = sorted(trial.committed_at[0] - setup.seconds for trial in trials)
    heard = [moment for trial in trials for moment in trial.committed_at]
    first, last = begun[len(begun) // 3], begun[-1]
    return sum(first < moment <= last for moment in heard) / setup.epochs / (last - first)


def _worker(seconds: float) -> type:
    """One that sleeps through an epoch; a class of this function, so that Ray sends it by value."""
    from pipeline.search.messages import Assignment, Message
    from pipeline.search.worker import TrialWorker

    curve, sleep = _curve_by_value(), time.sleep

    class Sleeps(TrialWorker):
        def reset_config(self, new_config: dict[str, Any]) -> bool:
            task = Assignment(**new_config)
            epochs = curve(task.seed, int(task.hyperparameters["train.epochs"]))

            def messages() -> Any:
                for metrics in epochs:
                    sleep(seconds)
                    yield Message(task.trial_key, [metrics])

            self._messages = messages()
            return True

    return Sleeps


def _curve_by_value() -> Any:
    """Nodes do not have this folder."""
    import bench_scale
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(bench_scale)  # type: ignore[no-untyped-call]
    return _curve


if __name__ == "__main__":
    main()
