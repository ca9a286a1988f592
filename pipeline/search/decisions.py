"""Who decides in a search, put together from its parameters: the conductor with all that it asks, then the reselection."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.data.preparation.recipe import Recipe
from pipeline.search import feasibility, order
from pipeline.search.conductor import Conductor
from pipeline.search.forecast import Work, costs
from pipeline.search.outlook import Outlook
from pipeline.search.phases import Phases
from pipeline.search.progress import Progress, rerun_line, reselection_line
from pipeline.search.reselection import Reselection
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space
from pipeline.search.standing import Ahead
from pipeline.study.records import Rerun, TrialRecord
from pipeline.study.store import Study
from pipeline.training.hyperparameters import Value

ENDED_BY = "ended by"  # the fact of a study that names the limit of its budget
_DRAWN = 32  # configurations that tell what a trial of the space costs before any has ended


def conductor(params: SearchParams, space: Space, recipe: Recipe, study: Study, tell: Callable[[Ahead], None]) -> Conductor:
    """Of the search for networks of this space on these images; `tell` is given what is expected after each end of a trial."""

    def work(trial: TrialRecord) -> Work:
        return Work.of(space.parse(trial.hyperparameters), recipe)

    def fits(hyperparameters: Mapping[str, Value]) -> None:
        feasibility.require_feasible(hyperparameters, space, recipe, params.limits)

    def known_costs(hyperparameters: Mapping[str, Value]) -> dict[str, float]:
        found = feasibility.cost_of(hyperparameters, space, recipe)
        return {name: float(getattr(found, name)) for name in params.costs if name != "latency_ms"}

    def ended(trial: TrialRecord) -> None:
        progress.ended(made, trial)

    outlook = Outlook(work, costs(space, recipe, params.limits, space.draws(_DRAWN)))
    progress = Progress(params.metric, outlook, tell=tell)
    all_tried = order.all_are_tried(space, params)
    in_order = order.longest_first(space, recipe.shape, len(recipe.classes)) if all_tried else space
    made = Conductor(study, in_order, params, fits, ended, costs=known_costs)
    return made


def phases(
    conductor: Conductor,
    params: SearchParams,
    study: Study,
    planned: Callable[[], list[Rerun]],
    facts: Mapping[str, str],
    idle: Callable[[], object] | None,
) -> Phases:
    """The search, then the reselection that these parameters mean, if any: of what is `planned` when the search is over."""
    reruns = study.reruns()
    reruns.put_aside()  # what a killed driver left running
    if not params.reselect.wanted:
        reruns.drop_others(())

    def reselect() -> Reselection:
        phase = Reselection(reruns, planned(), params.metric, lambda rerun: print(rerun_line(rerun, params)))
        if phase.left:
            print(reselection_line(phase.left, study.snapshot().trials))
        return phase

    def with_the_limit() -> dict[str, str]:
        limit = conductor.spent
        return {**facts, **({} if limit is None or not conductor.exhausted() else {ENDED_BY: limit.text})}

    return Phases(conductor, with_the_limit, reselect if params.reselect.wanted else None, idle)
