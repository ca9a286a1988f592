from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.catalog.build import build
from pipeline.data.catalog.policies import settle
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.catalog.summary import lines, summarized
from pipeline.data.sources.folder import Folder
from tests.folders import picture, save, write_folder


def summary_of(root: Path, **changes: object) -> dict[str, Any]:
    params = IngestParams.model_validate({"source": "folder", "path": "data/raw", "contradiction_share": 1.0, **changes})
    source = Folder(root)
    return summarized(settle(build(source), params), source, params)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Two classes in given splits, with a copy, a contradiction, a grey image, a misnamed file and a hidden one."""
    root = write_folder(tmp_path / "odd", {"train/cat": 4, "train/dog": 4, "test/cat": 3, "test/dog": 3})
    save(root / "train/cat/copy.png", picture("train/cat/0"))
    save(root / "train/cat/both.png", picture("both"))
    save(root / "train/dog/both.png", picture("both"))
    save(root / "train/dog/wide.png", picture("wide", 10, 40, 1))
    (root / "train/cat/000.png").rename(root / "train/cat/000.jpg")
    (root / "train/cat/.DS_Store").touch()
    return root


def test_every_count_is_in_the_summary(odd: Path) -> None:
    summary = summary_of(odd)
    size = sum(file.stat().st_size for file in odd.rglob("*.?*g") if file.name != "both.png")
    assert summary == {
        "name": "odd",
        "source": "folder",
        "path": "data/raw",
        "decode": IngestParams().decode.model_dump(),
        "kind": "unknown",
        "classes": ["cat", "dog"],
        "images": 16,
        "distinct": 15,
        "rejects": 2,
        "reasons": {"contradiction": 2},
        "ignored": {"hidden": 1},
        "labels": {"cat": {"images": 8, "distinct": 7}, "dog": {"images": 8, "distinct": 8}},
        "renamed": {},
        "contradictions": 2,
        "splits": {"train": 10, "val": 0, "test": 6},
        "groups": 0,
        "bytes": {**summary["bytes"], "total": size},
        "width": {"least": 8, "median": 8, "most": 40},
        "height": {"least": 6, "median": 6, "most": 10},
        "modes": {"L": 1, "RGB": 15},
        "conversions": {"extension-mismatch": 1},
        "notes": ["left out: 2 images of 1 picture under two labels, such as train/cat/both.png and train/dog/both.png"],
    }
    assert json.loads(json.dumps(summary)) == summary


def test_reasons_are_counted_by_their_codes(odd: Path) -> None:
    for end in (60, 70):
        (odd / f"train/cat/cut{end}.png").write_bytes((odd / "train/cat/001.png").read_bytes()[:end])
    (odd / "train/cat/empty.png").touch()
    summary = summary_of(odd, on_bad_image="skip", bad_image_share=1.0)
    assert summary["reasons"] == {"contradiction": 2, "truncated": 2, "zero-bytes": 1}


def test_a_person_reads_it_in_ten_lines(odd: Path) -> None:
    summary = summary_of(odd)
    summary["bytes"]["total"] = 3_456_789
    assert lines(summary) == [
        "set             odd, unknown: 3.5 MB from folder",
        "images          16, 15 of them distinct",
        "classes         2, the largest has 1.0 times the smallest: cat 8, dog 8",
        "width × height  8–40 (median 8) × 6–10 (median 6) pixels",
        "modes           RGB 15, L 1",
        "conversions     extension-mismatch 1",
        "duplicates      1: cat 1",
        "contradictions  2, 2 of them left out",
        "left out        2: contradiction 2; passed over: hidden 1",
        "given           splits: train 10, test 6; groups: none",
    ]


def test_many_classes_stay_one_line(tmp_path: Path) -> None:
    root = write_folder(tmp_path, {f"class{number}": 3 + number for number in range(9)})
    (line,) = [line for line in lines(summary_of(root)) if line.startswith("classes")]
    assert line == (
        "classes         9, the largest has 3.7 times the smallest: "
        "class8 11, class7 10, class6 9, class5 8, class4 7, class3 6 and 3 more"
    )


@pytest.mark.parametrize(("kind", "resolved"), [("auto", "unknown"), ("photos", "photos"), ("glyphs", "glyphs")])
def test_the_kind_is_what_params_say_or_the_source(tmp_path: Path, kind: str, resolved: str) -> None:
    assert summary_of(write_folder(tmp_path, {"cat": 3, "dog": 3}), kind=kind)["kind"] == resolved


def test_merged_labels_are_named(tmp_path: Path) -> None:
    summary = summary_of(write_folder(tmp_path, {"cats": 3, "cat": 4, "dog": 3}), on_similar_labels="merge")
    assert (summary["classes"], summary["renamed"]) == (["cat", "dog"], {"cats": "cat"})
