"""search: the study of this space on these images, until its budget is spent → results/search/."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from pipeline import artifacts, layout
from pipeline.cluster.settings import ClusterParams
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import NoTrialFinished, raise_all
from pipeline.outcomes import Outcomes
from pipeline.report import figures, front, scores
from pipeline.search import audit, feasibility
from pipeline.search.budget import Budget
from pipeline.search.candidates import candidates, fold_count
from pipeline.search.decisions import ENDED_BY
from pipeline.search.execution.moved import noted
from pipeline.search.run import Setting, search
from pipeline.search.selection import Selection, select
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space, load
from pipeline.search.stopping import stopping
from pipeline.study import store
from pipeline.study.records import StudySnapshot, TrialRecord
from pipeline.study.reruns import Reruns

if TYPE_CHECKING:
    import pandas as pd


def run(
    params: SearchParams, *, state: Path, database: str, tracking_uri: str, commit: str, cluster: ClusterParams | None = None
) -> None:
    """Check, search, write down. The test split is not opened; the study itself stays in state/."""
    space = load(Path(params.space))
    recipe = Recipe.from_bytes(artifacts.read_bytes(layout.PROCESSED / "recipe.json"))
    raise_all(space.check_data(recipe.counts["train"], recipe.image_size))
    facts = _facts(params, recipe, commit)
    setting = Setting(state, database, layout.PROCESSED, tracking_uri, facts, cluster or ClusterParams())
    with ThreadPoolExecutor(1) as beside:
        snapshot = search(params, space, recipe, setting, lambda: beside.submit(_load_what_writing_takes, tracking_uri))
    selection = _select(snapshot, params, space, recipe, setting)
    wall_seconds = store.Study(setting.database, snapshot.study_id).row.seconds_used
    audited = audit.audit(snapshot, stopping(params.stopping, params.rule()))
    summary = _summary(snapshot, selection, audited)
    artifacts.write_json(layout.SEARCH / "summary.json", summary)
    moved = noted(state / "studies" / snapshot.study_id)
    _write(layout.SEARCH, snapshot, selection, space, recipe, wall_seconds, moved)
    judged = audit.lines(audited, "on the front" if snapshot.objectives else "in the top tenth")
    print("\n".join([*judged, *front.lines(summary), *scores.lines(selection.record())]))


def _load_what_writing_takes(tracking_uri: str) -> None:
    """A second and a half of imports, while the last trials are trained and a core has nothing else to do.

    After those of the thread that writes MLflow, if there is one: two that import parts of each other may find them half done.
    """
    if tracking_uri:
        import pipeline.tracking.project
    import pipeline.search.leaderboard  # noqa: F401
    from pipeline.search import importance

    importance.load()
    figures.load()


def _select(snapshot: StudySnapshot, params: SearchParams, space: Space, recipe: Recipe, setting: Setting) -> Selection:
    """The choice, from what the study holds; raises NoTrialFinished when nothing of it is within the limits."""
    within = feasibility.within(snapshot, space, recipe, params.limits)
    if within.best() is None and not candidates(within, params.reselect):
        why, remedy = (
            "no finished trial is within search.limits",
            "raise the limit, or the budget: what is over it is not trained",
        )
        raise NoTrialFinished("the search", why=why, remedy=remedy)
    stored = Reruns(setting.database, snapshot.study_id).outcomes()
    outcomes = {key: Outcomes.from_bytes(content) for key, content in stored.items()}

    def parameters(trial: TrialRecord) -> int:
        return feasibility.cost_of(trial.hyperparameters, space, recipe).parameters

    folds = fold_count(params.reselect, recipe, setting.data)
    return select(within, params.reselect, outcomes, len(recipe.classes), parameters, params.seed, folds)


def _facts(params: SearchParams, recipe: Recipe, commit: str) -> dict[str, str]:
    """What the note of the study says in MLflow."""
    images = ", ".join(f"{recipe.counts[split]} {split}" for split in ("train", "val"))
    wanted = " and ".join([params.metric, *(f"low {name}" for name in params.costs)])
    return {
        "searched": f"{params.space} for {wanted}, {params.sampler} and {params.stopping}, seed {params.seed}",
        "data": f"{recipe.source}: {images}, {len(recipe.classes)} classes, {'×'.join(map(str, recipe.shape))}",
        "budget": str(Budget.of(params)),
        "commit": commit.rstrip("+"),
        "uncommitted changes": "yes" if commit.endswith("+") else "no",
    }


def _write(
    folder: Path,
    snapshot: StudySnapshot,
    selection: Selection,
    space: Space,
    recipe: Recipe,
    wall_seconds: float,
    moved: Sequence[Any],
) -> None:
    from pipeline.search import account, leaderboard  # load pandas, for which Ray's start would have to wait

    tables: Mapping[str, pd.DataFrame] = {
        "leaderboard.csv": leaderboard.leaderboard(snapshot, selection),
        "history.csv": leaderboard.history(snapshot),
        "curves.csv": leaderboard.curves(snapshot),
        "time.csv": account.times(snapshot, wall_seconds),
    }
    for name, table in tables.items():
        artifacts.write_text(folder / name, table.to_csv(index=False, lineterminator="\n"))
    artifacts.write_text(folder / "best.yaml", _yaml(_best(snapshot, selection, space)))
    artifacts.write_json(folder / "study.json", account.account(snapshot, space, moved))
    picture = figures.search_history(*leaderboard.points(snapshot), snapshot.metric, snapshot.direction)
    artifacts.write_bytes(folder / "history.png", picture)
    shown = snapshot if snapshot.objectives else _with_parameters(snapshot, space, recipe)
    on_front = shown.front()
    named = [_best(snapshot, selection.of(trial), space) for trial in snapshot.trials if trial.key in on_front]
    artifacts.write_text(folder / "front.yaml", _yaml({"trials": named}))
    panels = {name: leaderboard.by_cost(shown, name) for name in shown.objectives}
    artifacts.write_bytes(folder / "front.png", figures.front(snapshot.metric, panels, selection.chosen.number))


def _with_parameters(snapshot: StudySnapshot, space: Space, recipe: Recipe) -> StudySnapshot:
    """As if few parameters were wanted too, for the picture of a search that did not: they are known by arithmetic."""

    def known(trial: TrialRecord) -> TrialRecord:
        found = feasibility.cost_of(trial.hyperparameters, space, recipe)
        return replace(trial, costs={"parameters": float(found.parameters)})

    completed = tuple(known(trial) for trial in snapshot.trials if trial.state == "completed")
    return replace(snapshot, trials=completed, identity={"objectives": "parameters"})


def _best(snapshot: StudySnapshot, selection: Selection, space: Space) -> dict[str, object]:
    """What refit trains: `value` is that of the trial in the search, `selection` why it is this one."""
    chosen = selection.chosen
    return {
        "family": space.family_of(chosen.hyperparameters),
        "study_id": snapshot.study_id,
        "trial_key": chosen.key,
        "trial_number": chosen.number,
        "metric": snapshot.metric,
        "value": chosen.value,
        "hyperparameters": chosen.hyperparameters,
        "selection": selection.record(),
    }


def _summary(snapshot: StudySnapshot, selection: Selection, audited: audit.Audit) -> dict[str, object]:
    """What `dvc metrics` compares between experiments: the best value of the search, and what the chosen trial has without it."""
    states = Counter(trial.state for trial in snapshot.trials)
    found: dict[str, object] = {
        snapshot.metric: selection.best.value,
        "trials": dict(sorted(states.items())),
        "ended_by": snapshot.facts.get(ENDED_BY, ""),
        "stopping": audited.record(),
    }
    if snapshot.objectives:
        on_front = snapshot.front()
        found["front"] = {
            "objectives": [snapshot.metric, *snapshot.objectives],
            "trials": [trial.number for trial in snapshot.trials if trial.key in on_front],
            "picture": str(layout.SEARCH / "front.png"),
        }
    if (reselected := selection.reselected) is not None:
        chosen = reselected.ranking.candidates[0]
        found["reselection"] = {"value": chosen.value, "low": chosen.low, "high": chosen.high}
        found["search_optimism"] = reselected.search_optimism
    return found


def _yaml(value: Mapping[str, object]) -> str:
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(dict(value), stream)
    return stream.getvalue()
