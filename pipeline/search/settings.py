"""The `search` section of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from pipeline.cluster.settings import without_password
from pipeline.config import Section
from pipeline.search.samplers import Sampling
from pipeline.search.samplers.gp import Gp
from pipeline.search.samplers.nsga2 import Nsga2
from pipeline.search.samplers.tpe import Tpe
from pipeline.search.stopping import Rule
from pipeline.search.stopping.asha import Asha
from pipeline.search.stopping.median import Median
from pipeline.search.stopping.patience import Patience

Objective = Literal["parameters", "multiply_adds", "latency_ms"]  # of one image, forwards
_OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
_ONE_OBJECTIVE = ("gp",)  # samplers that know the metric alone
Metric = Literal["val_accuracy", "val_loss", "val_precision_macro", "val_recall_macro", "val_f1_macro"]


def _can_be_given(value: float | Literal["auto"]) -> float | Literal["auto"]:
    if value != "auto" and (value < 0 or (value > 1 and value % 1)):
        raise ValueError("must be `auto`, a share from 0 to 1, or a whole number")
    return value


Amount = Annotated[float | Literal["auto"], AfterValidator(_can_be_given)]  # of CPUs or GPUs, as Ray counts them


class Limits(Section):
    """What a configuration may cost; larger ones are never launched. null: no limit. No part of a study's identity."""

    parameters: int | None = Field(default=None, ge=1)
    multiply_adds: int | None = Field(default=None, ge=1)  # of one image, forwards
    memory_megabytes: float | None = Field(default=None, gt=0)  # at the peak of a training step, estimated
    latency_ms: float | None = Field(default=None, gt=0)  # of one image, measured on the worker before the first epoch


class Reselect(Section):
    """Training the best of a search again before one is chosen; like the budget no part of a study's identity."""

    candidates: int = Field(default=3, ge=1, le=100)  # with one there is nothing to choose from, and none is trained again
    seeds: int = Field(default=2, ge=1, le=100)
    score_on: Literal["val", "folds"] = "val"

    @property
    def wanted(self) -> bool:
        """Whether any candidate is trained again."""
        return self.candidates > 1


class SearchParams(Section):
    """What to search, by which rules, within which budget (trials to regret_bound), which is no part of a study's identity."""

    space: str = "search_spaces/cnn.yaml"
    metric: Metric = "val_accuracy"
    objectives: list[Objective] = Field(default_factory=list)  # less of each is wanted too
    seed: int = Field(default=0, ge=0, lt=2**31)
    trials: int | None = Field(default=20, ge=1)
    time_limit_minutes: float | None = Field(default=None, gt=0)
    worker_hours: float | None = Field(default=None, gt=0)
    money: float | None = Field(default=None, gt=0)
    price_an_hour: float | None = Field(default=None, gt=0)
    until: Literal["plateau", "regret_bound"] | None = None
    plateau_trials: int = Field(default=30, ge=1)
    regret_bound: float = Field(default=0.005, gt=0)
    warm_start: int = Field(default=0, ge=0)  # configurations of earlier studies among the first points
    sampler: Literal["tpe", "gp", "qmc", "random", "nsga2"] = "tpe"
    tpe: Tpe = Field(default_factory=Tpe)
    gp: Gp = Field(default_factory=Gp)
    nsga2: Nsga2 = Field(default_factory=Nsga2)
    stopping: Literal["asha", "median", "patience", "none"] = "asha"
    asha: Asha = Field(default_factory=Asha)
    median: Median = Field(default_factory=Median)
    patience: Patience = Field(default_factory=Patience)
    audit_share: float = Field(default=0.05, ge=0, le=1)  # of trials, never stopped
    limits: Limits = Field(default_factory=Limits)
    repeats: int = Field(default=1, ge=1)  # runs of one configuration
    reselect: Reselect = Field(default_factory=Reselect)
    cpus_per_trial: Amount = "auto"
    gpus_per_trial: Amount = "auto"
    stall_minutes: float = Field(default=10, ge=1)  # without a batch, after which a worker is taken for hung
    # MLFLOW_TRACKING_URI by default, else mlflow.db of the main repository
    tracking_uri: Annotated[str, AfterValidator(without_password)] | None = None
    experiment: str = Field(default="convoy", min_length=1)

    @property
    def costs(self) -> tuple[Objective, ...]:
        """The objectives beside the metric, in an order that does not depend on how they were listed."""
        return tuple(name for name in _OBJECTIVES if name in self.objectives)

    @property
    def measures_latency(self) -> bool:
        """Whether every trial says how long its network takes."""
        return "latency_ms" in self.objectives or self.limits.latency_ms is not None

    def sampling(self) -> Sampling | None:
        """The options of the sampler; None where there are none."""
        return getattr(self, self.sampler, None)

    def rule(self) -> Rule | None:
        """The options of the stopping rule; None where there are none."""
        return getattr(self, self.stopping, None)

    @model_validator(mode="after")
    def _has_a_budget(self) -> Self:
        limits = (self.trials, self.time_limit_minutes, self.worker_hours, self.money, self.until)
        if all(limit is None for limit in limits):
            raise ValueError("give search.trials, time_limit_minutes, worker_hours, money or until: a search needs an end")
        if self.money is not None and self.price_an_hour is None:
            raise ValueError("search.money needs search.price_an_hour, the price of all workers together")
        return self

    @model_validator(mode="after")
    def _knows_its_objectives(self) -> Self:
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError("search.objectives names one twice")
        if self.objectives and self.sampler in _ONE_OBJECTIVE:
            raise ValueError(
                f"search.sampler {self.sampler} knows the metric alone: with search.objectives take tpe, nsga2 or random"
            )
        if self.objectives and self.until == "regret_bound":
            raise ValueError("search.until regret_bound is about the metric alone: with search.objectives take plateau or null")
        return self
