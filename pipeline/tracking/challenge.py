"""A version against the champion: the alias it deserves, also when several are registered at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline import artifacts
from pipeline.paired import compare, images_digest, outcomes, read_predictions
from pipeline.tracking import alias_log
from pipeline.tracking.alias_log import AliasLog, Entry
from pipeline.tracking.finished import FinishedModel
from pipeline.tracking.gate import Verdict, classes_digest, judge, over_limits
from pipeline.tracking.settings import RegisterParams
from pipeline.tracking.tested import PREDICTIONS, predictions_on
from pipeline.tracking.version_tags import CLASSES_TAG, cost_of

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

# From a version and the predictions of its challenger: its own of the same images, or why there are none.
ChampionOn = Callable[["ModelVersion", "pd.DataFrame"], bytes | str]


def settle(log: AliasLog, version: str, judged_against: Callable[[str], Verdict]) -> Verdict:
    """Give the version the alias that it deserves beside the champion of the moment at which the log takes the entry.

    judged_against: the verdict on it beside this champion, a version, or none where that is empty. Of two that settle at once
    the second one hears of the first from the log, and is judged against that one.
    """
    while True:
        known = log.entries()
        champion = alias_log.holder(known, "champion")
        if champion == version:
            return Verdict("champion", _reason(known, version))
        if (undone := alias_log.rolled_back(known, version)) is not None:
            reason = f"rolled back by {undone.who} on {undone.when[:10]} ({undone.reason}): only `convoy promote` brings it back"
            verdict = Verdict("challenger", reason)
        else:
            verdict = judged_against(champion)
        entry = alias_log.entry(known, verdict.alias, version, "gate", verdict.reason)
        if entry.previous == version or log.append(known, entry):  # the challenger stays it, now perhaps for another reason
            return verdict


def judgement(
    client: MlflowClient, model: FinishedModel, version: ModelVersion, params: RegisterParams, champion_on: ChampionOn
) -> Callable[[str], Verdict]:
    """What `settle` asks, for this version of this model; champion_on: what the champion says of test images new to it."""
    own = read_predictions(artifacts.read_bytes(model.evaluation / PREDICTIONS))
    images, classes = images_digest(own), model.classes
    over = over_limits(cost_of(version), params.limits)

    def judged_against(champion: str) -> Verdict:
        if over:
            return Verdict("challenger", over)
        if not champion:
            return Verdict("champion", "the first version with a test result")
        present = client.get_model_version(version.name, champion)
        if present.tags.get(CLASSES_TAG) != classes_digest(classes):
            return Verdict("challenger", f"not comparable: champion version {champion} tells other classes apart")
        theirs = predictions_on(client, present, images) or champion_on(present, own)
        if isinstance(theirs, str):
            return Verdict("challenger", f"not comparable: champion version {champion} was tested on other images, and {theirs}")
        both = (outcomes(own, classes), outcomes(read_predictions(theirs), classes))
        return judge(compare(*both, len(classes), float(model.test["confidence"])), champion, params)

    return judged_against


def _reason(known: Sequence[Entry], version: str) -> str:
    """Why this version, the champion, became it."""
    return next(one.reason for one in reversed(known) if one.alias == "champion" and one.version == version)
