"""Every model that was measured on the test images is known, also when nobody registered it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import artifacts, layout, looks
from pipeline.stages import evaluate, refit, register
from pipeline.tracking.settings import RegisterParams
from pipeline.training.settings import EvaluateParams, RefitParams

IMAGES = "1" * 64


def test_a_model_is_written_down_once_for_the_images_it_was_measured_on(tmp_path: Path) -> None:
    assert looks.models(tmp_path, IMAGES) == frozenset()
    for images, model in [(IMAGES, "a"), (IMAGES, "b"), (IMAGES, "a"), ("2" * 64, "c")]:
        looks.note(tmp_path, images, model)
    assert looks.models(tmp_path, IMAGES) == {"a", "b"}
    assert len((tmp_path / "test_looks.txt").read_text().splitlines()) == 3


def test_a_torn_line_is_a_look(tmp_path: Path) -> None:
    (tmp_path / "test_looks.txt").write_text(f"{IMAGES} {'a' * 64}\n{IMAGES} bbb")
    assert looks.models(tmp_path, IMAGES) == {"a" * 64, "bbb"}


def test_an_evaluation_that_never_reaches_register_is_counted_by_the_next_one_that_does(
    project: Path, mlflow_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refit.run(RefitParams(seed=1))
    evaluate.run(EvaluateParams())
    register.run(RegisterParams(), mlflow_uri)

    assert artifacts.read_json(layout.REGISTRATION)["test_looks"] == 2  # the fixture's, and this one
    assert "test images: looked at by 2 models so far" in capsys.readouterr().out
