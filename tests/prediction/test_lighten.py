"""A lighter form of a model is made with what it costs beside it, measured on labelled images, and used as it was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import artifacts, layout
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation import packed
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.table import read_splits
from pipeline.errors import DigestMismatch, MissingFile, StageOutOfDate, WrongValue
from pipeline.prediction.labelled import Labelled, of_folder, of_test_split
from pipeline.prediction.lighten import Cost, lighten
from pipeline.prediction.model import load
from pipeline.stages import ingest, split
from pipeline.training.engines import Images
from tests.folders import save, write_folder
from tests.projects import CLASSES


def _images() -> Iterator[tuple[Images, str]]:
    """The test images of the project, as packed."""
    test = packed.read(layout.PROCESSED / "test", artifacts.read_json(layout.TEST_SEAL)["digest"])
    return ((test.images[row : row + 1][0], CLASSES[test.labels[row]]) for row in range(len(test)))


def test_the_lighter_form_answers_much_as_the_other_and_its_cost_is_written_beside_it(project: Path) -> None:
    cost = lighten(layout.MODEL, Labelled("bands", _images()))

    heavy, light = (load(layout.MODEL, engine) for engine in ("onnx", "int8"))
    images, labels = zip(*_images(), strict=True)
    before, after = (model.answer(np.stack(images)) for model in (heavy, light))
    assert 0 < np.abs(before - after).max() < 0.05
    right = [
        np.mean([CLASSES[row.argmax()] == label for row, label in zip(said, labels, strict=True)]) for said in (before, after)
    ]
    assert right == pytest.approx([cost.accuracy, cost.accuracy_int8])
    assert (cost.images, cost.changed) == (len(labels), (before.argmax(1) != after.argmax(1)).sum())
    assert Cost(**artifacts.read_json(layout.MODEL / "int8.json")) == cost and light.engine == "int8"
    assert cost.bytes_int8 == (layout.MODEL / "model-int8.onnx").stat().st_size
    assert "hardly lighter" in cost.line() and "images of bands" in cost.line()
    assert "hardly" not in replace(cost, bytes_int8=cost.bytes // 4).line()


def test_a_form_that_was_not_measured_is_not_used(project: Path) -> None:
    with pytest.raises(MissingFile, match="no int8 form"):
        load(layout.MODEL, "int8")
    lighten(layout.MODEL, Labelled("bands", _images()))
    file = layout.MODEL / "model-int8.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DigestMismatch, match="is not what"):
        load(layout.MODEL, "int8")


@pytest.mark.parametrize(("labels", "said"), [(["cat"], "knows no such class"), ([], "there are none")])
def test_images_on_which_it_cannot_be_measured_are_refused(project: Path, labels: list[str], said: str) -> None:
    images = Labelled("mine", iter([(np.zeros((1, 8, 8), np.uint8), label) for label in labels]))
    with pytest.raises((WrongValue, MissingFile), match=said):
        lighten(layout.MODEL, images)
    assert not (layout.MODEL / "model-int8.onnx").exists()


@pytest.mark.parametrize(
    ("folders", "taken"),
    [
        ({"cat": 2, "dog": 1}, ["cat", "cat", "dog"]),
        ({"train/cat": 2, "train/dog": 2, "test/cat": 1, "test/dog": 1}, ["cat", "dog"]),
    ],
)
def test_of_a_folder_with_a_test_side_that_is_taken(tmp_path: Path, folders: dict[str, int], taken: list[str]) -> None:
    found = list(of_folder(write_folder(tmp_path / "mine", folders), Decoding()).images)
    assert [label for _, label in found] == taken and found[0][0].shape == (3, 6, 8)


def test_of_a_project_the_test_images_are_read_from_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "data/raw", {"cat": 20, "dog": 20})
    ingest.run(IngestParams(source="folder"))
    split.run(SplitParams())
    splits = read_splits(artifacts.read_bytes(layout.SPLITS / "splits.parquet"))

    found = [label for _, label in of_test_split(tmp_path, Decoding(), tmp_path / "state").images]

    assert len(found) == (splits["split"] == "test").sum() and set(found) == {"cat", "dog"}
    for path in (tmp_path / "data/raw").rglob("*.png"):
        save(path, np.zeros((6, 8, 3), np.uint8))
    with pytest.raises(StageOutOfDate, match="not the image that was split"):
        list(of_test_split(tmp_path, Decoding(), tmp_path / "state").images)
