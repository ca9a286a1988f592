from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from pipeline.data.catalog.settings import IngestParams
from pipeline.data.split.assign import SplitParams
from pipeline.errors import MissingFile
from pipeline.stages import ingest, split
from tests.folders import picture, save, write_folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run() -> pd.DataFrame:
    ingest.run(IngestParams(source="folder"))
    split.run(SplitParams())
    return pd.read_parquet("data/splits/splits.parquet")


def test_splits_and_certificate_are_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(project / "data/raw", {"cat": 80, "dog": 12})
    splits = run()
    proof = json.loads(Path("data/splits/certificate.json").read_text())
    assert proof["images"] == splits["split"].value_counts().to_dict()
    assert proof["ranked_classes"] == ["dog"]
    assert "ranked instead: dog" in capsys.readouterr().out


def test_new_images_move_none(project: Path) -> None:
    write_folder(project / "data/raw", {"cat": 80, "dog": 80})
    before = run().set_index("digest")["split"]
    write_folder(project / "data/raw", {"ant": 10, "cat": 120})
    after = run().set_index("digest")["split"]
    assert len(after) == 210
    assert after[before.index].equals(before)


def test_pixels_in_two_given_splits_are_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(project / "data/raw", {f"{name}/{label}": 4 for name in ("train", "val", "test") for label in ("cat", "dog")})
    save(project / "data/raw/test/cat/again.png", picture("train/cat/0"))
    run()
    assert "1 images stood in several given splits" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_without_a_catalog_the_remedy_is_named() -> None:
    with pytest.raises(MissingFile, match=r"catalog\.parquet.*dvc repro"):
        split.run(SplitParams())
