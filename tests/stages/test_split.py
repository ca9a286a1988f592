"""split writes the table, the terms it was made under and the certificate; running it again moves as little as possible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.data.catalog.settings import IngestParams
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.table import read_splits
from pipeline.data.split.verify import verify
from pipeline.errors import ClusterTooLarge, MissingFile, StageOutOfDate
from pipeline.stages import ingest, split
from tests.folders import picture, save, write_folder

CERTIFICATE = Path("reports/split_certificate.json")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(**params: Any) -> pd.DataFrame:
    ingest.run(IngestParams(source="folder", workers=1))
    split.run(SplitParams(**params))
    return read_splits(Path("data/splits/splits.parquet").read_bytes())


def proof() -> dict[str, Any]:
    return json.loads(CERTIFICATE.read_text())


def altered(pixels: np.ndarray, bits: int) -> np.ndarray:
    """The same picture with a few grey levels more or less in one corner."""
    copy = pixels.copy()
    copy[0, 0, 0] ^= bits
    return copy


def test_splits_and_certificate_are_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(project / "data/raw", {"cat": 80, "dog": 12})
    splits = run(folds=3)
    certificate = proof()
    assert certificate["images"] == splits["split"].value_counts().to_dict()
    assert certificate["ranked_classes"] == ["dog"] and sum(certificate["folds"]) == (splits["split"] != "test").sum()
    assert verify(certificate, splits) == []
    assert certificate["digest"] in CERTIFICATE.with_suffix(".html").read_text()
    output = capsys.readouterr().out
    assert "ranked instead: dog" in output and certificate["digest"][:12] in output


def test_a_second_run_writes_the_same_table(project: Path) -> None:
    write_folder(project / "data/raw", {"cat": 40, "dog": 40})
    run()
    first = [file.read_bytes() for file in sorted(Path("data/splits").iterdir())]
    run()
    assert [file.read_bytes() for file in sorted(Path("data/splits").iterdir())] == first
    assert proof()["earlier"] == {"kept": 80, "moved": 0, "examples": []}


def test_new_images_move_none(project: Path) -> None:
    write_folder(project / "data/raw", {"cat": 80, "dog": 80})
    before = run().set_index("digest")["split"]
    write_folder(project / "data/raw", {"ant": 10, "cat": 120})
    after = run().set_index("digest")["split"]
    assert len(after) == 210
    assert after[before.index].equals(before)


def test_near_duplicates_are_kept_together_and_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_folder(project / "data/raw", {"cat": 40, "dog": 40})
    for number in range(8):
        for copy in range(3):
            pixels = altered(picture(f"cat/{number}"), copy + 1)
            save(root / f"cat/copy{number}-{copy}.png", pixels)
    splits = run()
    assert splits.groupby("cluster")["split"].nunique().max() == 1
    assert splits["cluster"].value_counts().head(8).tolist() == [4] * 8
    assert "32 images are near-duplicates, kept together in 8 clusters" in capsys.readouterr().out
    assert run(near_duplicates="off")["cluster"].is_unique


def test_pictures_that_join_two_sides_move_what_they_join_and_that_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_folder(project / "data/raw", {"cat": 40, "dog": 60})
    noise = np.random.default_rng(3).integers(-27, 28, (40, 6, 8, 3))
    for number in range(40):  # too far from its original to be a near-duplicate
        save(root / f"cat/other{number}.png", _shifted(picture(f"cat/{number}"), noise[number]))
    before = run(near_duplicates=0.1).set_index("digest")["split"]
    assert proof()["near_duplicates"]["clusters"] == 0
    for number in range(40):  # near to both
        save(root / f"cat/between{number}.png", _shifted(picture(f"cat/{number}"), noise[number] // 2))
    splits = run(near_duplicates=0.1)
    after = splits.set_index("digest")["split"]
    moved = after.index.isin(before.index) & (after != before.reindex(after.index))
    assert proof()["near_duplicates"]["clusters"] > 30
    assert splits.groupby("cluster")["split"].nunique().max() == 1
    assert 0 < moved.sum() == proof()["earlier"]["moved"] < 40
    assert f"{moved.sum()} images left the side they had" in capsys.readouterr().out


def _shifted(pixels: np.ndarray, change: np.ndarray) -> np.ndarray:
    return np.clip(pixels.astype(int) + change, 0, 255).astype(np.uint8)


def test_pixels_in_two_given_splits_are_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(project / "data/raw", {f"{name}/{label}": 4 for name in ("train", "val", "test") for label in ("cat", "dog")})
    save(project / "data/raw/test/cat/again.png", picture("train/cat/0"))
    run()
    assert "1 images stood in several given splits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("on_leak", "said"), [("report", "stand in several given splits"), ("move", "each is now in the strictest")]
)
def test_near_duplicates_in_two_given_splits_are_said(
    project: Path, capsys: pytest.CaptureFixture[str], on_leak: str, said: str
) -> None:
    write_folder(project / "data/raw", {f"{name}/{label}": 6 for name in ("train", "val", "test") for label in ("cat", "dog")})
    save(project / "data/raw/test/cat/again.png", altered(picture("train/cat/0"), 1))
    run(on_leak=on_leak)
    assert f"1 clusters of near-duplicates {said}" in capsys.readouterr().out.replace("stood in several given splits; ", "")
    assert proof()["holds"]


def test_a_set_that_is_mostly_one_picture_is_refused_with_the_figure(project: Path) -> None:
    root = write_folder(project / "data/raw", {"cat": 20, "dog": 20})
    for number in range(12):
        save(root / f"cat/again{number:02}.png", altered(picture("cat/0"), number + 1))
    with pytest.raises(ClusterTooLarge, match=r"E320 13 of 52 images are near-duplicates at cat/"):
        run()
    assert run(near_duplicates="off")["split"].nunique() == 3


def test_another_catalog_than_its_thumbnails_is_refused(project: Path) -> None:
    write_folder(project / "data/raw", {"cat": 20, "dog": 20})
    ingest.run(IngestParams(source="folder", workers=1))
    np.save("data/catalog/thumbnails.npy", np.zeros((39, 32, 32, 3), dtype=np.uint8))
    with pytest.raises(StageOutOfDate, match="39 thumbnails for 40 images"):
        split.run(SplitParams())


@pytest.mark.usefixtures("project")
def test_without_a_catalog_the_remedy_is_named() -> None:
    with pytest.raises(MissingFile, match=r"catalog\.parquet.*dvc repro"):
        split.run(SplitParams())
