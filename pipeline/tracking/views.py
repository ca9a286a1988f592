"""How MLflow's own page shows a study: two saved views of the experiment, which stand in its list of views.

A saved view is a tag of the experiment: name, time and the state of the page, as MLflow 3.17 writes it for "Save & share view"
(server/js/src/experiment-tracking/components/experiment-page/utils/savedViewEnvelope.ts). The views are those of the study that
was shown last, under the same two keys, since MLflow offers at most 40 of an experiment.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from pipeline.study.records import StudySnapshot
from pipeline.tracking.wanted import EPOCHS_TAG, KIND_TAG, SECONDS_TAG, STATE_TAG, STUDY_TAG

STUDY_VIEW, TRIALS_VIEW = "convoy-study", "convoy-trials"
_EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}  # else the page asks what it is, or guesses
_COMPRESSED = "deflate;"
_FEWEST = 3  # values of an axis of the contour
_AXES = 8  # hyperparameters that parallel coordinates can show side by side
_CURVES = ("train_loss", "val_loss")  # beside the metric of the study
_SECTION = "convoy"
_FIRST = ("train.learning_rate", "model.", "train.")  # how names begin that are shown before others


def experiment_tags(snapshot: StudySnapshot) -> dict[str, str]:
    """Tag of the experiment → its value: the two views, and what kind of experiment it is."""
    name = snapshot.study_id[:8]
    states = {
        STUDY_VIEW: (f"study {name}", _study_state(snapshot)),
        TRIALS_VIEW: (f"trials of study {name}, side by side", _trials_state(snapshot)),
    }
    created = int(snapshot.created_at * 1000)
    return _EXPERIMENT_KIND | {
        view_tag(key): json.dumps({"name": title, "createdAt": created, "state": _compressed(state)})
        for key, (title, state) in states.items()
    }


def view_tag(view: str) -> str:
    """The tag of the experiment that holds a view."""
    return f"mlflow.sharedViewState.{view}"


def _study_state(snapshot: StudySnapshot) -> dict[str, Any]:
    """The study as one row with its trials below: MLflow nests them only in the order of time and without a filter."""
    return {"orderByKey": "attributes.start_time", "orderByAsc": False, "selectedColumns": _columns(snapshot)}


def _trials_state(snapshot: StudySnapshot) -> dict[str, Any]:
    """All trials, the best first, with charts of what they have in common and of what differs."""
    return {
        "searchFilter": f"tags.`{STUDY_TAG}` = '{snapshot.study_id}' AND tags.`{KIND_TAG}` = 'trial'",
        "orderByKey": f"metrics.`{snapshot.metric}`",
        "orderByAsc": snapshot.direction == "minimize",
        "selectedColumns": _columns(snapshot),
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": _charts(snapshot),
        "compareRunSections": [{"uuid": _SECTION, "name": "Trials", "display": True, "isReordered": True}],
        "isAccordionReordered": True,
    }


def _columns(snapshot: StudySnapshot) -> list[str]:
    """What was reached, the hyperparameters that differ, and how the trial went."""
    metrics = [f"metrics.`{snapshot.metric}`", *(f"metrics.`{name}`" for name in snapshot.objectives)]
    hyperparameters = [f"params.`{name}`" for name in _varied(snapshot)]
    return [*metrics, *hyperparameters, *(f"tags.`{name}`" for name in (STATE_TAG, EPOCHS_TAG, SECONDS_TAG))]


def _charts(snapshot: StudySnapshot) -> list[dict[str, Any]]:
    """What goes with what, the value over the first two that are numbers, and the curves by epoch."""
    varied, numeric = _varied(snapshot), _numeric(snapshot)[:2]
    parallel = {"type": "PARALLEL", "selectedParams": varied[:_AXES], "selectedMetrics": [snapshot.metric], "showAllRuns": True}
    contour = dict(zip(("xaxis", "yaxis"), ({"key": name, "type": "PARAM"} for name in numeric), strict=False))
    curves = [snapshot.metric, *(name for name in _CURVES if name != snapshot.metric)]
    charts: list[dict[str, Any]] = [
        parallel,
        *([{"type": "CONTOUR", **contour, "zaxis": {"key": snapshot.metric, "type": "METRIC"}}] if len(numeric) == 2 else []),
        *({"type": "LINE", "metricKey": name, "selectedMetricKeys": [name], "xAxisKey": "step"} for name in curves),
    ]
    return [
        {"uuid": f"{_SECTION}-{number}", "metricSectionId": _SECTION, "deleted": False, "isGenerated": False, **chart}
        for number, chart in enumerate(charts)
    ]


def _varied(snapshot: StudySnapshot) -> list[str]:
    """The hyperparameters that differ, those first by which networks differ most."""
    ranks = dict(enumerate(_FIRST))
    return sorted(snapshot.varied(), key=lambda name: next((rank for rank in ranks if name.startswith(ranks[rank])), len(ranks)))


def _numeric(snapshot: StudySnapshot) -> list[str]:
    """Those of them that are numbers with enough values for a surface."""
    found = {name: _values(snapshot, name) for name in _varied(snapshot)}
    return [name for name, values in found.items() if len(values) >= _FEWEST and all(map(_is_number, values))]


def _values(snapshot: StudySnapshot, name: str) -> set[Any]:
    return {trial.hyperparameters[name] for trial in snapshot.trials if name in trial.hyperparameters}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compressed(state: dict[str, Any]) -> str:
    """Short enough for a tag, of which some stores keep 5,000 characters."""
    return _COMPRESSED + base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()
