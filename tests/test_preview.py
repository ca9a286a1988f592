from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from pipeline.__main__ import main
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.preparation.recipe import PreprocessParams
from pipeline.data.split.assign import SplitParams
from pipeline.stages import ingest, preprocess, split
from tests.folders import write_folder

SPACE = """
family: cnn
smallest_image: 4
hyperparameters:
  train.batch_size: 4
  augment.flip: auto
  augment.rotation_degrees: {type: float, low: 0.0, high: 40.0}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a folder of images in which nothing has run."""
    monkeypatch.chdir(tmp_path)
    counts = {f"{name}/{label}": count for name, count in (("train", 5), ("val", 2), ("test", 2)) for label in ("cat", "dog")}
    write_folder(tmp_path / "data/raw", counts, channels=1)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "params.yaml").write_text(json.dumps({"ingest": {"source": "folder"}, "search": {"space": "space.yaml"}}))
    return tmp_path


@pytest.fixture
def prepared(here: Path) -> Path:
    """The same when preprocess has run."""
    ingest.run(IngestParams(source="folder"))
    split.run(SplitParams())
    preprocess.run(PreprocessParams())
    return here


def shown(path: Path) -> tuple[tuple[int, int], bytes]:
    with Image.open(path) as image:
        return image.size, image.tobytes()


def test_a_preview_is_a_picture_of_as_many_images_as_asked_for(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "--count", "2"]) == 0
    assert str(prepared / "preview.png") in capsys.readouterr().out
    assert main(["preview", "--count", "6", "--output", "pictures/more.png"]) == 0
    assert shown(prepared / "pictures/more.png")[0][1] > shown(prepared / "preview.png")[0][1]


def test_strengths_come_from_the_space_from_the_copies_or_from_the_command_line(prepared: Path) -> None:
    commands = {
        "space": [],
        "copies": ["--strengths", "copies"],
        "typed": ["augment.rotation_degrees=0", "augment.erase=0.5"],
        "mixed": ["augment.mixup=1.0"],
    }
    for name, arguments in commands.items():
        assert main(["preview", *arguments, "--output", f"{name}.png"]) == 0
    pictures = {shown(prepared / f"{name}.png") for name in commands}
    assert len(pictures) == len(commands)
    assert shown(prepared / "copies.png")[1] == shown(prepared / "reports/samples.png")[1], "preprocess writes the same sheet"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["augment.flip=maybe"], 2, "auto or a probability"),
        (["augment.rotation_degree=3"], 2, "augment.rotation_degrees"),
        (["flip"], 2, "name=value"),
    ],
)
def test_a_wrong_strength_is_named(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, text: str
) -> None:
    assert main(["preview", *arguments]) == code
    assert text in capsys.readouterr().err
    assert not (here / "preview.png").exists()


def test_before_preprocess_the_preview_says_what_to_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview"]) == 2
    assert "dvc repro preprocess" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_count_is_one_or_more(count: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["preview", "--count", count])
