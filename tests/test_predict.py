"""Files are labelled as the model was trained; a file that is no image is refused and holds no other up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import DigestMismatch, MissingFile
from pipeline.predict import predict
from pipeline.training import program
from tests.projects import CLASSES, images_of


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
    monkeypatch.setattr("pipeline.predict._FILES_AT_A_TIME", 2)
    assert [one.label for one in predict(Path("model"), [pictures])] == [one.label for one in whole]


def test_only_so_many_pixels_are_held_at_a_time(project: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predict(Path("model"), [pictures])
    batches: list[int] = []
    load = program.load

    def counting(content: bytes) -> program.Program:
        model = load(content)
        return lambda images: batches.append(len(images)) or model(images)  # type: ignore[func-returns-value]

    monkeypatch.setattr(program, "load", counting)
    monkeypatch.setattr("pipeline.predict._BYTES_AT_A_TIME", 2 * 24 * 24)
    assert [one.label for one in predict(Path("model"), [pictures])] == [one.label for one in whole]
    assert sum(batches) == 9 and max(batches) == 2


def test_a_changed_program_is_not_loaded(project: Path, pictures: Path) -> None:
    Path("model/program.pt2").write_bytes(b"something else")
    with pytest.raises(DigestMismatch):
        predict(Path("model"), [pictures])


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"manifest\.json"):
        predict(tmp_path, [])
