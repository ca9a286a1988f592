from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import artifacts
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.duplicates.fingerprint import THUMBNAIL
from pipeline.data.images.decode import DecodedImage
from pipeline.data.sources.folder import Folder
from pipeline.errors import ClassTooSmall, ContradictoryLabels, UnreadableImages
from pipeline.stages import ingest
from tests.folders import picture, save, write_folder


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_folder(tmp_path / "data/raw", {"cat": 12, "dog": 12})


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that are read, while it lasts."""
    paths: list[str] = []
    read = Folder.read

    def noted(self: Folder, path: str) -> DecodedImage:
        paths.append(path)
        return read(self, path)

    monkeypatch.setattr(Folder, "read", noted)
    yield paths


def params(**changes: object) -> IngestParams:
    return IngestParams.model_validate({"source": "folder", "workers": 1, **changes})


def catalog() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path("data/catalog").iterdir()}


def catalog_of_a_full_read() -> dict[str, bytes]:
    """What ingest writes that remembers nothing."""
    ingest.run(params(), state=Path("elsewhere"))
    return catalog()


@pytest.mark.usefixtures("raw")
def test_the_catalog_and_its_summary_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    ingest.run(params())
    assert set(catalog()) == {"catalog.parquet", "thumbnails.npy", "rejects.csv", "contradictions.csv", "summary.json"}
    assert len(pd.read_parquet("data/catalog/catalog.parquet")) == 24
    assert np.load("data/catalog/thumbnails.npy").shape == (24, THUMBNAIL, THUMBNAIL, 3)
    summary = json.loads(Path("data/catalog/summary.json").read_text())
    assert {key: summary[key] for key in ("name", "source", "path", "kind", "classes", "images", "distinct", "rejects")} == {
        "name": "raw",
        "source": "folder",
        "path": "data/raw",
        "kind": "unknown",
        "classes": ["cat", "dog"],
        "images": 24,
        "distinct": 24,
        "rejects": 0,
    }
    assert summary["decode"] == IngestParams().decode.model_dump()
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 10
    assert printed[1] == "images          24, 24 of them distinct"


def test_rejects_are_listed_even_when_they_stop_ingest(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        (raw / f"cat/bad{number:02}.png").write_bytes(b"")
    with pytest.raises(UnreadableImages, match="25 of 49"):
        ingest.run(params())
    assert len(pd.read_csv("data/catalog/rejects.csv")) == 25
    assert not Path("data/catalog/summary.json").exists()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "ingest: cannot read 'cat/bad00.png': zero-bytes: the file is empty"
    assert len(printed) == 21
    assert "25 in all" in printed[-1]


def test_names_with_control_characters_are_shown_escaped(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (raw / "cat/a\nb\x1b[2J.png").write_bytes(b"")
    ingest.run(params(on_bad_image="skip", bad_image_share=0.05))
    shown = capsys.readouterr().out + Path("data/catalog/rejects.csv").read_text()
    assert len(Path("data/catalog/rejects.csv").read_text().splitlines()) == 2
    assert [line for line in shown.splitlines() if not line.isprintable()] == []
    assert len([line for line in shown.splitlines() if "zero-bytes" in line]) == 3


def test_what_is_allowed_to_be_left_out_is_listed_with_its_reason(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (raw / "cat/bad.png").write_bytes(b"hello")
    save(raw / "dog/both.png", picture("cat/3"))
    write_folder(raw, {"eel": 2})
    ingest.run(params(on_bad_image="skip", bad_image_share=0.05, contradiction_share=0.1, on_small_class="drop"))
    assert Path("data/catalog/rejects.csv").read_text().splitlines() == [
        "path,label,reason",
        "cat/003.png,cat,contradiction",
        "cat/bad.png,cat,not-an-image: its first bytes are those of no known format",
        "dog/both.png,dog,contradiction",
        "eel/000.png,eel,small-class",
        "eel/001.png,eel,small-class",
    ]
    assert pd.read_csv("data/catalog/contradictions.csv")["path"].tolist() == ["cat/003.png", "dog/both.png"]
    summary = json.loads(Path("data/catalog/summary.json").read_text())
    assert summary["rejects"] == 5
    assert summary["reasons"] == {"contradiction": 2, "not-an-image": 1, "small-class": 2}
    printed = capsys.readouterr().out
    assert "ingest: left out: 2 images of 1 picture under two labels, such as cat/003.png and dog/both.png" in printed
    assert "ingest: left out 1 class with fewer than 3 distinct images: 'eel' (2)" in printed


def test_contradictions_are_listed_also_when_they_stop_ingest(raw: Path) -> None:
    save(raw / "dog/both.png", picture("cat/3"))
    with pytest.raises(ContradictoryLabels, match="2 of 25"):
        ingest.run(params())
    assert len(pd.read_csv("data/catalog/contradictions.csv")) == 2


@pytest.mark.usefixtures("raw")
def test_twice_gives_the_same_bytes() -> None:
    ingest.run(params())
    first = catalog()
    ingest.run(params())
    assert catalog() == first == catalog_of_a_full_read()


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    raw = write_folder(tmp_path / "data/raw", {"cat": 150, "dog": 150})
    ingest.run(params())
    assert len(reads) == 300
    reads.clear()
    was = (raw / "cat/007.png").stat()
    save(raw / "cat/007.png", picture("changed"))
    assert (raw / "cat/007.png").stat().st_size == was.st_size
    os.utime(raw / "cat/007.png", ns=(was.st_atime_ns, was.st_mtime_ns))  # and the old time of writing
    save(raw / "dog/new.png", picture("new"))
    (raw / "dog/000.png").unlink()
    (raw / "dog/001.png").rename(raw / "cat/moved.png")
    ingest.run(params())
    assert sorted(reads) == ["cat/007.png", "cat/moved.png", "dog/new.png"]
    incremental = catalog()
    assert len(pd.read_parquet("data/catalog/catalog.parquet")) == 300
    assert catalog_of_a_full_read() == incremental


@pytest.mark.usefixtures("raw")
def test_how_many_are_read_again_is_said(capsys: pytest.CaptureFixture[str], raw: Path) -> None:
    ingest.run(params())
    assert "new or changed" not in capsys.readouterr().out
    save(raw / "cat/new.png", picture("new"))
    ingest.run(params())
    assert "ingest: 1 of 25 images are new or changed and are read\n" in capsys.readouterr().out


@pytest.mark.usefixtures("raw")
def test_other_choices_in_decoding_read_everything_again(reads: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ingest.run(params())
    ingest.run(params(decode={"background": "#000000"}))
    assert len(reads) == 48
    assert "every image is read again: the decoder, its settings or its libraries changed\n" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"hello", "sealed"])
@pytest.mark.usefixtures("raw")
def test_a_damaged_or_foreign_memory_is_passed_over_with_one_line(
    content: bytes | str, reads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ingest.run(params())
    before = catalog()
    (memory,) = Path("state/ingest").iterdir()
    if isinstance(content, str):
        artifacts.write_sealed(memory, b"no Parquet")
    else:
        memory.write_bytes(content)
    capsys.readouterr()
    ingest.run(params())
    assert [line for line in capsys.readouterr().out.splitlines() if "read again" in line and "damaged" in line] != []
    assert len(reads) == 48
    assert catalog() == before
    ingest.run(params())
    assert len(reads) == 48


@pytest.mark.usefixtures("raw")
def test_a_flipped_bit_in_the_memory_is_noticed(reads: list[str]) -> None:
    ingest.run(params())
    before = catalog()
    (memory,) = Path("state/ingest").iterdir()
    content = bytearray(memory.read_bytes())
    content[len(content) // 2] ^= 1
    memory.write_bytes(content)
    ingest.run(params())
    assert (len(reads), catalog()) == (48, before)


def test_an_interrupted_ingest_goes_on_where_it_was(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Folder.read

    def interrupted(self: Folder, path: str) -> DecodedImage:
        if path == "dog/003.png":
            raise KeyboardInterrupt
        return read(self, path)

    monkeypatch.setattr(Folder, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest.run(params())
    paths: list[str] = []
    monkeypatch.setattr(Folder, "read", lambda self, path: (paths.append(path), read(self, path))[1])
    ingest.run(params())
    assert paths == [f"dog/{number:03}.png" for number in range(3, 12)]
    assert catalog() == catalog_of_a_full_read()


@pytest.mark.usefixtures("raw")
def test_a_failure_keeps_what_was_read(raw: Path, reads: list[str]) -> None:
    write_folder(raw, {"eel": 1})
    with pytest.raises(ClassTooSmall):
        ingest.run(params())
    ingest.run(params(on_small_class="drop"))
    assert len(reads) == 25


def test_two_processes_write_what_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "data/raw", {"cat": 80, "dog": 80})
    ingest.run(params(workers=2))
    assert catalog() == catalog_of_a_full_read()
