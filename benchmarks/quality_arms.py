"""Who searches in bench_quality.py: Convoy by its own conductor and study, and its peers fed as their documentation says."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import optuna
import sqlalchemy as sa
from quality_problems import Problem

from pipeline.search.conductor import Conductor
from pipeline.search.execution.messages import Message
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.domains import Fixed
from pipeline.search.spaces.space import Space
from pipeline.study import store, tables
from pipeline.study.asking import Asking
from pipeline.study.clerk import AtOnce
from pipeline.study.records import StudyRow
from pipeline.study.snapshots import Snapshots
from pipeline.study.trials import Trials
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics

_STUDY = "00112233aabbccdd"
ROW = StudyRow(_STUDY, 1.0, "val_accuracy", {}, {}, 0.0, False)
_NO_LIMIT = 10**6  # trials: the simulation ends the search


class Arm(Protocol):
    """One search: it is asked what to train, hears each epoch, and says which trial's configuration it would hand out."""

    def ask(self) -> tuple[str, Mapping[str, Value]]:
        """A trial, new or one that waited to go on: its key and its hyperparameters."""
        ...

    def hear(self, key: str, epoch: int, accuracy: float) -> bool:
        """True when the trial is not to go on: stopped, or its last epoch."""
        ...

    def chosen(self) -> str | None:
        """The trial that would win if the search ended now."""
        ...


class MemoryStudy(store.Study):
    """The product's study on databases that live in memory: the same code without a disk."""

    def __init__(self, row: StudyRow = ROW) -> None:
        self.study_id, self._url = row.study_id, "sqlite://"
        self._clerk, self._asked = AtOnce(), None
        self._engine = tables.connect(self._url)
        self._storage = optuna.storages.InMemoryStorage()  # type: ignore[assignment]  # the part of RDBStorage that a study uses
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(storage=self._storage, study_name=row.study_id, directions=store.directions(row))
        self._asking = Asking(study, row.study_id, repeated=False)
        self._trials = Trials(study, self._storage, row.study_id, self._engine)
        self._snapshots = Snapshots(study, row.study_id, self._engine)
        with self._engine.begin() as connection:
            connection.execute(sa.insert(tables.studies).values(**vars(row)))

    def add_epoch(self, key: str, metrics: EpochMetrics, *, stop: bool) -> None:
        """Nothing: what is written down for a restart takes longer than the simulation, which is never restarted."""


class Convoy:
    """The product's conductor, with the samplers and stopping rules that `params` names."""

    def __init__(
        self, study: store.Study, problem: Problem, seed: int, clock: Callable[[], float], params: Mapping[str, Any]
    ) -> None:
        domains = {**problem.domains, "train.epochs": Fixed(value=problem.epochs)}
        space = Space(Path("simulated"), ("cnn",), 1, domains, (), {})
        chosen = SearchParams.model_validate({"seed": seed, "trials": _NO_LIMIT, **params})
        self._conductor = Conductor(study, space, chosen, fits=lambda values: None, clock=clock)
        self._latest: dict[str, float] = {}

    def ask(self) -> tuple[str, Mapping[str, Value]]:
        trial = self._conductor.next()
        assert trial is not None, "the budget is the simulation's"
        return trial.key, trial.hyperparameters

    def hear(self, key: str, epoch: int, accuracy: float) -> bool:
        self._latest[key] = accuracy
        metrics = EpochMetrics(epoch, 1 - accuracy, 1 - accuracy, accuracy, accuracy, accuracy, accuracy, 1.0)
        return self._conductor.heard(Message(key, [metrics]))

    def chosen(self) -> str | None:
        """The first of the candidates that the product trains again, were the search to end now."""
        return max(self._latest, key=self._latest.__getitem__, default=None)


class PlainOptuna:
    """Ask and tell with Optuna's own sampler and pruner, each epoch reported: its documentation's pruning loop."""

    def __init__(self, problem: Problem, seed: int, pruner: optuna.pruners.BasePruner) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner, study_name=f"study-{seed}")
        self._problem, self._running, self._latest = problem, dict[str, optuna.Trial](), dict[str, float]()
        self._finished: dict[str, float] = {}

    def ask(self) -> tuple[str, Mapping[str, Value]]:
        trial = self._study.ask()
        key = str(trial.number)
        self._running[key] = trial
        return key, {name: domain.suggest(trial, name) for name, domain in self._problem.domains.items()}

    def hear(self, key: str, epoch: int, accuracy: float) -> bool:
        trial, self._latest[key] = self._running[key], accuracy
        trial.report(accuracy, epoch)
        if epoch >= self._problem.epochs:
            self._finished[key] = accuracy
            self._study.tell(trial, accuracy)
        elif trial.should_prune():
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            return False
        return True

    def chosen(self) -> str | None:
        known = self._finished or self._latest
        return max(known, key=known.__getitem__, default=None)


class PlainRay:
    """Ray Tune's OptunaSearch and ASHA at their documented defaults, fed as Tune's controller feeds them.

    A trial that ASHA stops reaches Optuna as COMPLETE with its last value; the best result is the best last value of all.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        from ray.tune.schedulers import AsyncHyperBandScheduler
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.WARNING)

        def space(trial: optuna.Trial) -> None:
            for name, domain in problem.domains.items():
                domain.suggest(trial, name)

        self._searcher = OptunaSearch(space=space, metric="accuracy", mode="max", seed=seed)
        self._scheduler: Any = AsyncHyperBandScheduler(metric="accuracy", mode="max", max_t=problem.epochs)
        self._epochs, self._latest = problem.epochs, dict[str, float]()

    def ask(self) -> tuple[str, Mapping[str, Value]]:
        key = str(len(self._latest))
        self._latest[key] = 0.0
        values: Any = self._searcher.suggest(key)
        self._scheduler.on_trial_add(None, types.SimpleNamespace(trial_id=key))
        return key, values

    def hear(self, key: str, epoch: int, accuracy: float) -> bool:
        result, trial = {"accuracy": accuracy, "training_iteration": epoch}, types.SimpleNamespace(trial_id=key)
        self._latest[key] = accuracy
        if self._scheduler.on_trial_result(None, trial, result) == self._scheduler.CONTINUE:
            self._searcher.on_trial_result(key, result)
            return False
        self._scheduler.on_trial_complete(None, trial, result)
        self._searcher.on_trial_complete(key, result)
        return True

    def chosen(self) -> str | None:
        return max(self._latest, key=self._latest.__getitem__, default=None)


def arm(name: str, problem: Problem, seed: int, clock: Callable[[], float]) -> Arm:
    """The arm called `name`; `convoy:key=value,asha.key=value` is Convoy with other parameters."""
    if name == "plain ray":
        return PlainRay(problem, seed)
    if name in _PRUNERS:
        return PlainOptuna(problem, seed, _PRUNERS[name](problem))
    if name == "random":
        return Convoy(MemoryStudy(), problem, seed, clock, {"sampler": "random", "stopping": "none"})
    return Convoy(MemoryStudy(), problem, seed, clock, settings(name.partition(":")[2]))


_PRUNERS: dict[str, Callable[[Problem], optuna.pruners.BasePruner]] = {
    "optuna hyperband": lambda problem: optuna.pruners.HyperbandPruner(max_resource=problem.epochs),
    "optuna median": lambda problem: optuna.pruners.MedianPruner(),
    "optuna halving": lambda problem: optuna.pruners.SuccessiveHalvingPruner(),
}


def settings(text: str) -> dict[str, Any]:
    """`a=1,b.c=x` as {"a": 1, "b": {"c": "x"}}."""
    values: dict[str, Any] = {}
    for setting in filter(None, text.split(",")):
        name, _, value = setting.partition("=")
        section, _, key = name.rpartition(".")
        target = values.setdefault(section, {}) if section else values
        target[key] = _number(value)
    return values


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
