"""The candidates of a search: its best trials, which are to be trained again from new seeds before one of them is chosen.

The value of the best of many trials is partly luck with seed and images, so it is never taken for what its network is worth:
it only chooses the candidates (Cawley and Talbot 2010, Journal of Machine Learning Research 11, 2079–2107).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import WrongValue
from pipeline.search.settings import Reselect
from pipeline.search.verdict import measured, not_finite
from pipeline.study.records import ENDED, Rerun, State, StudySnapshot, TrialRecord, by_value

TRIED_AGAIN: frozenset[State] = frozenset({"failed", "out_of_memory"})  # by the next process, from their checkpoint


def candidates(snapshot: StudySnapshot, reselect: Reselect) -> list[TrialRecord]:
    """The trials of the best values, the best first and the earlier of equals; none when there is only one, and it completed.

    Besides the completed ones those count that were stopped, or that the end of the budget interrupted, with the value where they
    stood: all are trained in full before one is chosen, and one that is ahead before its end would be so after it.
    """
    if not reselect.wanted:
        return []
    standing = [known for trial in snapshot.trials if (known := _with_value(trial, snapshot.metric)) is not None]
    best = sorted(standing, key=by_value(snapshot.direction))[: reselect.candidates]
    return best if len(best) > 1 or any(trial.state != "completed" for trial in best) else []


def _with_value(trial: TrialRecord, metric: str) -> TrialRecord | None:
    """A trial that may be a candidate, with the value it has or had when it was put aside; None for any other."""
    if trial.state == "completed":
        return trial
    if trial.state not in ("pruned", "interrupted") or not trial.epochs or not_finite(trial.epochs[-1]):
        return None
    return replace(trial, value=measured(trial.epochs[-1], metric))


def plan(snapshot: StudySnapshot, reselect: Reselect, seed: int, folds: int = 0) -> list[Rerun]:
    """Every rerun that these parameters mean: a pure function of the study's trials, so that a restart plans the same.

    folds: of train + val; each is held out and scored once a seed when the candidates are not scored on val.
    """
    held_out = range(folds) if reselect.score_on == "folds" else [None]
    chosen = candidates(snapshot, reselect)
    return [_rerun(trial, repeat, fold, seed) for repeat in range(reselect.seeds) for fold in held_out for trial in chosen]


def fold_count(reselect: Reselect, recipe: Recipe, folder: Path) -> int:
    """How many folds the candidates are scored on, 0 when that is val; raises WrongValue when the data has none."""
    if reselect.score_on == "val" or not reselect.wanted:
        return 0
    folds = max(packed.read_folds(folder / split, recipe.digests[split]) for split in ("train", "val"))
    if folds == 0:
        why, remedy = "it has no folds", "set split.folds and run `dvc repro`, or score_on: val"
        raise WrongValue("search.reselect.score_on", where=str(folder), why=why, remedy=remedy)
    return folds


def trained_no_more(snapshot: StudySnapshot, planned: Iterable[Rerun]) -> list[str]:
    """The keys of the trials and reruns whose checkpoints are of no use any more."""
    wanted = {rerun.run.key for rerun in planned}
    runs = (*snapshot.trials, *(rerun.run for rerun in snapshot.reruns))
    return [run.key for run in runs if run.state in ENDED and not (run.key in wanted and run.state in TRIED_AGAIN)]


def rerun_seed(seed: int, rerun_key: str) -> int:
    """31 bits of sha256: a seed that no trial of the search had, save by chance."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{rerun_key}".encode()).digest()[:4], "big") >> 1


def _rerun(trial: TrialRecord, repeat: int, fold: int | None, seed: int) -> Rerun:
    key = f"{trial.key}-s{repeat}" + ("" if fold is None else f"f{fold}")
    run = replace(
        trial,
        key=key,
        seed=rerun_seed(seed, key),
        state="interrupted",
        value=None,
        reason="",
        ended_at=None,
        epochs=(),
        committed_at=(),
        note="",
    )
    return Rerun(run, trial.key, repeat, fold)
