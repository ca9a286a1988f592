"""search: the study of this space on these images, until its budget is spent → results/search/."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML

from pipeline import artifacts, layout
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import raise_all
from pipeline.report import figures
from pipeline.search import leaderboard
from pipeline.search.budget import Budget
from pipeline.search.run import ENDED_BY, Setting, search
from pipeline.search.settings import SearchParams
from pipeline.search.space import Space, load
from pipeline.study.records import StudySnapshot


def run(params: SearchParams, *, state: Path, tracking_uri: str, commit: str) -> None:
    """Check, search, write down. The test split is not opened; the study itself stays in state/."""
    space = load(Path(params.space))
    recipe = Recipe.from_bytes(artifacts.read_bytes(layout.PROCESSED / "recipe.json"))
    raise_all(space.check_data(recipe.counts["train"], recipe.image_size))
    setting = Setting(state, layout.PROCESSED, tracking_uri, _facts(params, recipe, commit))
    snapshot = search(params, space, recipe, setting)
    _write(layout.SEARCH, snapshot, space)


def _facts(params: SearchParams, recipe: Recipe, commit: str) -> dict[str, str]:
    """What the note of the study says in MLflow."""
    images = ", ".join(f"{recipe.counts[split]} {split}" for split in ("train", "val"))
    return {
        "searched": f"{params.space} for {params.metric}, {params.sampler} and {params.stopping}, seed {params.seed}",
        "data": f"{recipe.source}: {images}, {len(recipe.classes)} classes, {'×'.join(map(str, recipe.shape))}",
        "budget": str(Budget.of(params)),
        "commit": commit.rstrip("+"),
        "uncommitted changes": "yes" if commit.endswith("+") else "no",
    }


def _write(folder: Path, snapshot: StudySnapshot, space: Space) -> None:
    tables: Mapping[str, pd.DataFrame] = {
        "leaderboard.csv": leaderboard.leaderboard(snapshot),
        "history.csv": leaderboard.history(snapshot),
        "curves.csv": leaderboard.curves(snapshot),
    }
    for name, table in tables.items():
        artifacts.write_text(folder / name, table.to_csv(index=False, lineterminator="\n"))
    artifacts.write_text(folder / "best.yaml", _yaml(_best(snapshot, space)))
    artifacts.write_json(folder / "summary.json", _summary(snapshot))
    picture = figures.search_history(*leaderboard.points(snapshot), snapshot.metric, snapshot.direction)
    artifacts.write_bytes(folder / "history.png", picture)


def _best(snapshot: StudySnapshot, space: Space) -> dict[str, object]:
    best = snapshot.best()
    assert best is not None, "a search without a finished trial raises"
    return {
        "family": space.family_of(best.hyperparameters),
        "study_id": snapshot.study_id,
        "trial_key": best.key,
        "trial_number": best.number,
        "metric": snapshot.metric,
        "value": best.value,
        "hyperparameters": best.hyperparameters,
    }


def _summary(snapshot: StudySnapshot) -> dict[str, object]:
    """What `dvc metrics` compares between experiments."""
    best = snapshot.best()
    states = Counter(trial.state for trial in snapshot.trials)
    return {
        snapshot.metric: best.value if best else None,
        "trials": dict(sorted(states.items())),
        "ended_by": snapshot.facts.get(ENDED_BY, ""),
    }


def _yaml(value: Mapping[str, object]) -> str:
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(dict(value), stream)
    return stream.getvalue()
