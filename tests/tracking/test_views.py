"""The page that MLflow shows of a study, as the state that its saved views hold."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from typing import Any

from pipeline.study.records import StudySnapshot
from pipeline.tracking.views import STUDY_VIEW, TRIALS_VIEW, experiment_tags, view_tag
from tests.tracking.studies import several, study, trial


def differing(count: int = 3, **hyperparameters: Any) -> StudySnapshot:
    """Trials that differ in learning rate and filters."""
    values = [{"train.learning_rate": 0.1 / (n + 1), "model.filters": 8 << n, **hyperparameters} for n in range(count)]
    made = [replace(trial(n), hyperparameters=trial(n).hyperparameters | values[n]) for n in range(count)]
    return study(*made)


def state(snapshot: StudySnapshot, view: str) -> dict[str, Any]:
    """What MLflow reads out of the tag."""
    saved = json.loads(experiment_tags(snapshot)[view_tag(view)])
    assert isinstance(saved["name"], str) and isinstance(saved["createdAt"], int)
    scheme, _, packed = saved["state"].partition(";")
    assert scheme == "deflate"
    return dict(json.loads(zlib.decompress(base64.b64decode(packed))))


def test_columns_are_the_metric_what_differs_and_how_the_trial_went() -> None:
    for view in (STUDY_VIEW, TRIALS_VIEW):
        assert state(differing(), view)["selectedColumns"] == [
            "metrics.`val_accuracy`",
            "params.`train.learning_rate`",
            "params.`model.filters`",
            "tags.`convoy.state`",
            "tags.`convoy.epochs`",
            "tags.`convoy.seconds`",
        ]


def test_the_trials_of_this_study_alone_stand_side_by_side_the_best_first() -> None:
    shown = state(differing(), TRIALS_VIEW)
    assert "'abcdef0123456789'" in shown["searchFilter"] and "'trial'" in shown["searchFilter"]
    assert (shown["orderByKey"], shown["orderByAsc"]) == ("metrics.`val_accuracy`", False)
    assert state(replace(differing(), metric="val_loss"), TRIALS_VIEW)["orderByAsc"] is True
    assert shown["runsHiddenMode"] == "SHOW_ALL"


def test_a_study_is_nested_only_without_a_filter_and_in_the_order_of_time() -> None:
    shown = state(differing(), STUDY_VIEW)
    assert shown["orderByKey"] == "attributes.start_time" and "searchFilter" not in shown


def test_charts_are_parallel_coordinates_a_contour_and_the_curves() -> None:
    parallel, contour, *curves = state(differing(), TRIALS_VIEW)["compareRunCharts"]
    assert parallel["selectedParams"] == ["train.learning_rate", "model.filters"]
    assert (contour["xaxis"]["key"], contour["yaxis"]["key"]) == ("train.learning_rate", "model.filters")
    assert [curve["metricKey"] for curve in curves] == ["val_accuracy", "train_loss", "val_loss"]


def test_what_networks_differ_by_most_comes_before_other_hyperparameters() -> None:
    names = ["augment.crop", "model.filters", "train.epochs", "train.learning_rate"]
    two = study(*(replace(trial(n), hyperparameters=dict.fromkeys(names, n)) for n in range(2)))
    shown = state(two, TRIALS_VIEW)["compareRunCharts"][0]["selectedParams"]
    assert shown == ["train.learning_rate", "model.filters", "train.epochs", "augment.crop"]


def test_there_is_no_contour_over_one_number() -> None:
    kinds = [chart["type"] for chart in state(differing(**{"model.filters": "many"}), TRIALS_VIEW)["compareRunCharts"]]
    assert kinds == ["PARALLEL", "LINE", "LINE", "LINE"]


def test_objectives_are_columns_too_and_a_study_without_trials_has_its_views() -> None:
    assert "metrics.`parameters`" in state(several(trial(0)), STUDY_VIEW)["selectedColumns"]
    assert state(study(), TRIALS_VIEW)["compareRunCharts"]


def test_thirty_hyperparameters_fit_into_a_tag() -> None:
    many = study(*(replace(trial(n), hyperparameters={f"augment.change_number_{k}": n * k for k in range(31)}) for n in (1, 2)))
    assert max(len(value) for value in experiment_tags(many).values()) < 5000
