"""Files are labelled as the model was trained; a file that is no image is refused and holds no other up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.errors import DigestMismatch, MissingFile, ResourcesMissing
from pipeline.prediction import predict as predicting
from pipeline.prediction.answer import Prediction
from pipeline.prediction.files import files
from pipeline.prediction.model import load
from pipeline.training.engines import Images, Probabilities
from tests.projects import CLASSES, images_of


def predict(folder: Path, images: list[Path]) -> list[Prediction]:
    return list(predicting.predict(folder, images))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three PNGs a class, in three sizes and two modes, below `pictures/`."""
    folder = tmp_path / "pictures"
    for label, name in enumerate(("bottom", "middle", "top")):
        (folder / name).mkdir(parents=True)
        for number, side in enumerate((9, 24, 24)):
            pixels = images_of(np.array([label]), np.random.default_rng(number), side, noise=20)[0, 0]
            image = Image.fromarray(pixels)
            (image.convert("RGB") if number == 1 else image).save(folder / name / f"{number}.png")
    return folder


def test_a_folder_is_labelled_file_by_file_in_order(project: Path, pictures: Path) -> None:
    found = predict(Path("model"), [pictures])

    assert [Path(one.path).relative_to(pictures).as_posix() for one in found] == [
        f"{name}/{number}.png" for name in ("bottom", "middle", "top") for number in range(3)
    ]
    assert [one.label for one in found] == [name for name in CLASSES for _ in range(3)]
    assert all(sum(one.probabilities.values()) == pytest.approx(1.0) for one in found)
    assert list(found[0].probabilities) == list(CLASSES)


def test_an_image_is_labelled_the_same_alone_and_among_others(project: Path, pictures: Path) -> None:
    together = {one.path: one for one in predict(Path("model"), [pictures])}
    alone = predict(Path("model"), [pictures / "top/1.png"])[0]
    assert alone.probabilities == pytest.approx(together[alone.path].probabilities, abs=1e-5)


def test_what_is_no_image_has_its_reason_and_the_others_are_still_labelled(project: Path, pictures: Path) -> None:
    (pictures / "empty.png").touch()
    (pictures / "text.png").write_text("no image")
    (pictures / ".hidden").write_text("left out")

    found = predict(Path("model"), [pictures / "gone.png", pictures])

    refused = {Path(one.path).name: one.reason.partition(":")[0] for one in found if one.label is None}
    assert refused == {"gone.png": "unreadable", "empty.png": "zero-bytes", "text.png": "not-an-image"}
    assert len([one for one in found if one.label]) == 9


def test_more_files_than_are_held_at_a_time(project: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predict(Path("model"), [pictures])
    monkeypatch.setattr("pipeline.prediction.predict._FILES_AT_A_TIME", 2)
    assert [one.label for one in predict(Path("model"), [pictures])] == [one.label for one in whole]


def test_only_so_many_pixels_are_held_at_a_time(project: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predict(Path("model"), [pictures])
    model, batches = load(Path("model")), list[int]()

    def counting(images: Images) -> Probabilities:
        batches.append(len(images))
        return model.answer(images)

    monkeypatch.setattr("pipeline.prediction.predict._BYTES_AT_A_TIME", 2 * 24 * 24)
    found = list(predicting.label(replace(model, answer=counting), files([pictures])))
    assert [one.label for one in found] == [one.label for one in whole]
    assert sum(batches) == 9 and max(batches) == 2


def test_files_are_read_as_predictions_are_taken(project: Path, pictures: Path) -> None:
    """However many there are: as many handfuls ahead as there are threads, and one batch."""
    asked = 0

    def endless() -> Iterator[Path]:
        nonlocal asked
        while True:
            asked += 1
            yield pictures / "top/0.png"

    answers = predicting.label(load(Path("model")), endless())
    assert [next(answers).label for _ in range(300)] == [CLASSES[2]] * 300
    answers.close()
    assert asked < 1_000


def test_torch_and_onnx_say_the_same(project: Path, pictures: Path) -> None:
    torch_says, onnx_says = (list(predicting.predict(Path("model"), [pictures], engine)) for engine in ("torch", "onnx"))
    assert [one.label for one in torch_says] == [one.label for one in onnx_says]
    for one, other in zip(torch_says, onnx_says, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_an_engine_or_a_device_that_is_not_there_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(ResourcesMissing, match="torch finds no GPU here"):
            load(Path("model"), "torch", "cuda")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ResourcesMissing, match="the engine onnx — onnxruntime is not installed"):
        load(Path("model"), "onnx")
    with pytest.raises(ResourcesMissing, match="neither torch nor onnxruntime"):
        load(Path("model"))


def test_onnx_needs_no_torch(project: Path, pictures: Path) -> None:
    code = "\n".join(
        [
            "import sys",
            "sys.modules['torch'] = None  # importing it is an error",
            "from pathlib import Path",
            "from pipeline.prediction.predict import predict",
            "print(*[one.label for one in predict(Path('model'), sys.argv[1:], 'onnx')], sep=';')",
        ]
    )
    files = [str(pictures / name / "0.png") for name in ("top", "bottom")]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True)
    assert done.stdout == f"{CLASSES[2]};{CLASSES[0]}\n", done.stderr


def test_a_changed_program_is_not_loaded(project: Path, pictures: Path) -> None:
    Path("model/program.pt2").write_bytes(b"something else")
    with pytest.raises(DigestMismatch):
        predict(Path("model"), [pictures])


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"manifest\.json"):
        predict(tmp_path, [])
