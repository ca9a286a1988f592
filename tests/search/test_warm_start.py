from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import StudyUnreachable
from pipeline.search.warm_start import earlier_best, with_first_points
from pipeline.study import store
from pipeline.study.records import Outcome, StudyRow
from tests.search.driving import SPACE, space

OURS = StudyRow("00000000000000ff", 2e9, "val_accuracy", {"space": "s", "data": "ours"}, {}, 0.0, False)
TEXT = SPACE.replace("{type: int, low: 1, high: 9}", "4")  # train.epochs is fixed


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


def earlier_study(url: str, name: str, created_at: float, layers: dict[int, float | None], **row: object) -> None:
    """A study with one trial for each number of layers, which finished with the value given or was pruned."""
    identity = {"space": "s", "data": name}
    kept = replace(StudyRow(name * 16, created_at, "val_accuracy", identity, {}, 0.0, True), **row)  # type: ignore[arg-type]
    study, _ = store.create(url, kept)
    from optuna.samplers import RandomSampler

    for number, value in layers.items():
        point = {"train.epochs": 4, "train.learning_rate": 0.01, "model.num_conv_layers": number}
        trial = study.ask(lambda _, point=point: point, RandomSampler(seed=0), seed=0)  # type: ignore[misc]
        study.finish(trial.key, Outcome("pruned") if value is None else Outcome("completed", value=value))


def layers(url: str, folder: Path, count: int, row: StudyRow = OURS) -> list[object]:
    return [one.point["model.num_conv_layers"] for one in earlier_best(url, row, space(folder, TEXT), count)]


def test_the_best_of_each_earlier_study_in_turn_the_latest_first(url: str, tmp_path: Path) -> None:
    earlier_study(url, "a", 1.0, {1: 0.9, 2: 0.8})
    earlier_study(url, "b", 2.0, {3: 0.1, 4: 0.3, 5: None})
    assert layers(url, tmp_path, 9) == [4, 1, 3, 2]
    assert layers(url, tmp_path, 2) == [4, 1]
    assert layers(url, tmp_path, 0) == []


def test_a_database_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(StudyUnreachable):
        earlier_best("postgresql://127.0.0.1:1/studies", OURS, space(tmp_path, TEXT), 1)


def test_a_configuration_that_was_good_twice_is_tried_once(url: str, tmp_path: Path) -> None:
    earlier_study(url, "a", 1.0, {1: 0.9, 2: 0.8})
    earlier_study(url, "b", 2.0, {1: 0.7})
    assert layers(url, tmp_path, 9) == [1, 2]


@pytest.mark.parametrize(
    "other",
    [{"identity": {"space": "another"}}, {"metric": "val_loss"}, {"study_id": OURS.study_id}],
    ids=["space", "metric", "itself"],
)
def test_only_other_studies_of_this_space_and_metric_count(url: str, tmp_path: Path, other: dict[str, object]) -> None:
    earlier_study(url, "a", 1.0, {1: 0.9}, **other)
    assert layers(url, tmp_path, 9) == []


def test_what_ended_after_this_study_began_does_not_count(url: str, tmp_path: Path) -> None:
    earlier_study(url, "a", 1.0, {1: 0.9})
    assert layers(url, tmp_path, 9, replace(OURS, created_at=2.0)) == []


def test_a_low_loss_is_the_best(url: str, tmp_path: Path) -> None:
    earlier_study(url, "a", 1.0, {1: 0.9, 2: 0.8}, metric="val_loss")
    assert layers(url, tmp_path, 1, replace(OURS, metric="val_loss")) == [2]


def test_points_hold_what_the_space_searches_and_come_before_its_own(url: str, tmp_path: Path) -> None:
    earlier_study(url, "a", 1.0, {1: 0.9})
    own = "first_points:\n  - {train.learning_rate: 0.02, model.num_conv_layers: 2}\n"
    own += "  - {train.learning_rate: 0.01, model.num_conv_layers: 1}\n"
    searched = space(tmp_path, TEXT + own)
    warm = with_first_points(searched, earlier_best(url, OURS, searched, 3))
    assert [point["model.num_conv_layers"] for point in warm.first_points] == [1, 2]
    assert warm.first_points[0] == {"train.learning_rate": 0.01, "model.num_conv_layers": 1}


def test_it_is_named_by_its_study_number_and_value(url: str, tmp_path: Path) -> None:
    earlier_study(url, "a", 1.0, {1: 0.9})
    assert str(*earlier_best(url, OURS, space(tmp_path, TEXT), 1)) == "trial 0 of study aaaaaaaaaaaaaaaa (0.9000)"
