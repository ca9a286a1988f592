"""The trial that is refitted, and what speaks for it: from the study and what its reruns said, to plain values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.errors import ReselectionFailed
from pipeline.outcomes import Outcomes, join
from pipeline.search.candidates import candidates, plan
from pipeline.search.choice import CONFIDENCE, Contender, Ranking, rank
from pipeline.search.settings import Reselect
from pipeline.study.records import Rerun, State, StudySnapshot, TrialRecord


@dataclass(frozen=True)
class Reselected:
    """`left_out`: trial number → why it could not be chosen; `images`: how many each value is of; `notes`: trial number → what is
    to be known of its trainings with new seeds.

    search_optimism: by how much the best trial of the search looked better there than with new seeds; None if it is left out.
    """

    ranking: Ranking
    seeds: int
    scored_on: str
    images: int
    left_out: dict[int, str]
    search_optimism: float | None
    notes: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """`best` is the best of the search's `completed` trials, without any the best candidate where it stood; without a reselection
    it is the chosen one.

    `named`: a person chose it, by its number, and nothing speaks for it but that.
    """

    metric: str
    chosen: TrialRecord
    best: TrialRecord
    completed: int
    reselected: Reselected | None
    named: bool = False

    def of(self, trial: TrialRecord) -> Selection:
        """As if a person chose this trial of the study."""
        return Selection(self.metric, trial, trial, self.completed, None, named=True)

    def record(self) -> dict[str, Any]:
        """As plain values: what best.yaml, model.json and the report say of the choice."""
        return {
            "metric": self.metric,
            "chosen_trial": self.chosen.number,
            "search": {"trial": self.best.number, "value": self.best.value, "completed_trials": self.completed},
            "reselection": None if self.reselected is None else _record(self.reselected),
            **({"named": True} if self.named else {}),
        }


def select(
    snapshot: StudySnapshot,
    reselect: Reselect,
    outcomes: Mapping[str, Outcomes],
    classes: int,
    parameters: Callable[[TrialRecord], int],
    seed: int,
    folds: int = 0,
) -> Selection:
    """Choose among the candidates that were trained again; the search decides when none was to be.

    outcomes: by the key of the rerun; parameters: of a trial's network; folds: those scored on, 0 for val. Raises
    ReselectionFailed when no candidate came to its end with every new seed.
    """
    completed = sum(trial.state == "completed" for trial in snapshot.trials)
    trials = candidates(snapshot, reselect)
    best = snapshot.best() or trials[0]
    if not trials:
        return Selection(snapshot.metric, best, best, completed, None)
    planned: dict[str, list[Rerun]] = {trial.key: [] for trial in trials}
    for rerun in plan(snapshot, reselect, seed, folds):
        planned[rerun.trial_key].append(rerun)
    states = {rerun.run.key: rerun.run.state for rerun in snapshot.reruns}
    left_out = {trial.number: why for trial in trials if (why := _missing(planned[trial.key], states))}
    contenders = [
        Contender(trial, parameters(trial), _of_each_seed(planned[trial.key], outcomes))
        for trial in trials
        if trial.number not in left_out
    ]
    if not contenders:
        why = "; ".join(f"trial {number} {why}" for number, why in left_out.items())
        remedy = "raise search.reselect.candidates, or search with smaller learning rates"
        raise ReselectionFailed("the reselection", why=why, remedy=remedy)
    ranking = rank(contenders, snapshot.metric, classes, seed)
    chosen = next(trial for trial in trials if trial.number == ranking.candidates[0].trial_number)
    reselected = Reselected(
        ranking=ranking,
        seeds=reselect.seeds,
        scored_on=f"{folds} folds of train + val" if reselect.score_on == "folds" else "val",
        images=len(contenders[0].outcomes[0]),
        left_out=left_out,
        search_optimism=_search_optimism(best, ranking, snapshot.direction),
        notes={trial.number: note for trial in trials if (note := _notes(trial, planned[trial.key], snapshot.reruns))},
    )
    return Selection(snapshot.metric, chosen, best, completed, reselected)


def _missing(planned: Sequence[Rerun], states: Mapping[str, State]) -> str:
    """Why a trial has not a value for every seed; empty when it has."""
    broken = [(rerun.repeat, states.get(rerun.run.key, "not trained")) for rerun in planned]
    told = dict.fromkeys(f"{state} with seed {repeat + 1}" for repeat, state in broken if state != "completed")
    return ", ".join(told)


def _notes(trial: TrialRecord, planned: Sequence[Rerun], reruns: Sequence[Rerun]) -> str:
    """What is to be known of the trainings of a trial, each thing once."""
    mine = {rerun.run.key for rerun in planned}
    stood = f"stood after {len(trial.epochs)} of {trial.planned_epochs} epochs when the search ended"
    notes = [stood] if trial.state != "completed" else []
    notes += [rerun.run.note for rerun in reruns if rerun.run.key in mine and rerun.run.note]
    return "; ".join(dict.fromkeys(notes))


def _of_each_seed(planned: Sequence[Rerun], outcomes: Mapping[str, Outcomes]) -> tuple[Outcomes, ...]:
    """One a seed; what was said of the folds, one after another."""
    by_seed: defaultdict[int, list[Outcomes]] = defaultdict(list)
    for rerun in planned:
        by_seed[rerun.repeat].append(outcomes[rerun.run.key])
    return tuple(join(parts) for parts in by_seed.values())


def _search_optimism(best: TrialRecord, ranking: Ranking, direction: str) -> float | None:
    again = [candidate.value for candidate in ranking.candidates if candidate.trial_number == best.number]
    if not again or best.value is None:
        return None
    return best.value - again[0] if direction == "maximize" else again[0] - best.value


def _record(reselected: Reselected) -> dict[str, Any]:
    chosen, *others = reselected.ranking.candidates
    ranked = [{**asdict(one), "values": list(one.values), "tied": one.tied} for one in (chosen, *others)]
    return {
        "seeds": reselected.seeds,
        "scored_on": reselected.scored_on,
        "images": reselected.images,
        "confidence": CONFIDENCE,
        "value": chosen.value,
        "low": chosen.low,
        "high": chosen.high,
        "tied_with": [one.trial_number for one in others if one.tied],
        "search_optimism": reselected.search_optimism,
        "choice_optimism": reselected.ranking.optimism,
        "candidates": ranked,
        "left_out": [{"trial_number": number, "why": why} for number, why in reselected.left_out.items()],
        "notes": [{"trial_number": number, "note": note} for number, note in reselected.notes.items()],
    }
