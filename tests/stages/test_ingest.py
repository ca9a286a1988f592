from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from pipeline.data.catalog.settings import IngestParams
from pipeline.errors import UnreadableImages
from pipeline.stages import ingest
from tests.folders import write_folder


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_folder(tmp_path / "data/raw", {"cat": 12, "dog": 12})


def params(**changes: object) -> IngestParams:
    return IngestParams.model_validate({"source": "folder", **changes})


@pytest.mark.usefixtures("raw")
def test_the_catalog_and_its_summary_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    ingest.run(params())
    assert len(pd.read_parquet("data/catalog/catalog.parquet")) == 24
    assert json.loads(Path("data/catalog/summary.json").read_text()) == {
        "name": "raw",
        "source": "folder",
        "path": "data/raw",
        "classes": ["cat", "dog"],
        "images": 24,
        "distinct": 24,
        "rejects": 0,
    }
    assert capsys.readouterr().out == "ingest: 24 images of 2 classes from raw, 0 rejected\n"


def test_rejects_are_listed_even_when_they_stop_ingest(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        (raw / f"cat/bad{number:02}.png").write_bytes(b"")
    with pytest.raises(UnreadableImages, match="25 of 49"):
        ingest.run(params())
    assert len(pd.read_csv("data/catalog/rejects.csv")) == 25
    assert not Path("data/catalog/summary.json").exists()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "ingest: cannot read 'cat/bad00.png': zero-bytes"
    assert len(printed) == 21
    assert "25 in all" in printed[-1]


def test_allowed_rejects_are_skipped(raw: Path) -> None:
    (raw / "cat/bad.png").write_bytes(b"hello")
    ingest.run(params(on_bad_image="skip", bad_image_share=0.05))
    assert Path("data/catalog/rejects.csv").read_text() == "path,label,reason\ncat/bad.png,cat,not-an-image\n"
    assert json.loads(Path("data/catalog/summary.json").read_text())["rejects"] == 1


@pytest.mark.usefixtures("raw")
def test_twice_gives_the_same_bytes() -> None:
    written = []
    for _ in range(2):
        ingest.run(params())
        written.append({path.name: path.read_bytes() for path in Path("data/catalog").iterdir()})
    assert written[0] == written[1]
