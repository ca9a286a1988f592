"""What every source promises, asked of a tiny real set of each."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources import cifar10, cifar100, fashion_mnist, names, open_source
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.source import Source
from pipeline.errors import SourceMissing
from tests.folders import write_folder
from tests.sets import cifar_records, png, write_idx_set, write_tar, write_zip

CLASS_FILES = {f"{label}/{number}.png": png(f"{label}{number}") for label in ("cat", "dog") for number in range(2)}


@dataclass(frozen=True)
class Case:
    """source: its name; write: makes a set at the path given and returns ingest.path; changed: the file that holds a sample."""

    source: str
    write: Callable[[Path], Path]
    changed: str | None = None


def write_manifest(folder: Path) -> Path:
    write_folder(folder, {"pictures": 4})
    rows = [f"pictures/{number:03}.png,{label},train" for number, label in enumerate(("dog", "cat", "dog", "cat"))]
    (folder / "list.csv").write_text("\n".join(["path,label,split", *rows]))
    return folder / "list.csv"


def write_arrays(folder: Path) -> Path:
    folder.mkdir()
    np.savez(folder / "set.npz", x_train=np.zeros((3, 5, 4, 3), np.uint8), y_train=np.array([2, 0, 1]))
    return folder / "set.npz"


def write_cifar(folder: Path, members: dict[str, int], label_bytes: int, name: str) -> Path:
    write_tar(folder / name, {file: cifar_records(count, label_bytes) for file, count in members.items()})
    return folder


CASES = [
    Case("digits", lambda folder: folder),
    Case("folder", lambda folder: write_folder(folder, {"train/cat": 2, "train/dog": 1, "test/dog": 1}), "train/cat/000.png"),
    Case("manifest", write_manifest, "pictures/000.png"),
    Case("archive", lambda folder: write_zip(folder / "pets.zip", CLASS_FILES), "pets.zip"),
    Case("archive", lambda folder: write_tar(folder / "pets.tar", CLASS_FILES), "pets.tar"),
    Case("archive", lambda folder: write_tar(folder / "pets.tar.gz", CLASS_FILES), "pets.tar.gz"),
    Case("idx", write_idx_set),
    Case("idx", lambda folder: write_idx_set(folder, ending="")),
    Case("arrays", write_arrays),
    Case("mnist", write_idx_set),
    Case("fashion-mnist", write_idx_set),
    Case("kmnist", lambda folder: write_idx_set(folder, ending="")),
    Case(
        "cifar10",
        lambda folder: write_cifar(
            folder, {"b/test_batch.bin": 3, **{f"b/data_batch_{n}.bin": 4 for n in range(1, 6)}}, 1, cifar10.FILE.name
        ),
    ),
    Case("cifar100", lambda folder: write_cifar(folder, {"c/train.bin": 4, "c/test.bin": 3}, 2, cifar100.FILE.name)),
]


@pytest.fixture(params=CASES, ids=lambda case: case.source)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    for module in (cifar10, cifar100):
        monkeypatch.setattr(module, "SET", replace(module.SET, records=4, test_records=3))
    chosen: Case = request.param
    return chosen


@pytest.fixture
def path(case: Case, tmp_path: Path) -> Path:
    return case.write(tmp_path / "set")


@pytest.fixture
def reopen(case: Case, path: Path, tmp_path: Path) -> Callable[[], Source]:
    """Opens the set by name and path, as each worker process does."""
    return lambda: open_source(case.source, str(path), Decoding(), Downloads(tmp_path / "downloads", fetch=False))


def test_every_source_is_here() -> None:
    assert {case.source for case in CASES} == set(names())


def test_its_name_can_be_part_of_a_models_name(reopen: Callable[[], Source]) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+", reopen().name)


def test_it_says_what_its_pictures_show(reopen: Callable[[], Source]) -> None:
    assert reopen().kind in ("glyphs", "photos", "unknown")


def test_samples_come_sorted_once_each_and_the_same_at_every_opening(reopen: Callable[[], Source]) -> None:
    samples = reopen().samples()
    paths = [sample.path for sample in samples]
    assert paths == sorted(set(paths)) and paths
    assert reopen().samples() == samples


def test_paths_and_labels_are_one_line_of_utf8(reopen: Callable[[], Source]) -> None:
    for sample in reopen().samples():
        for text in (sample.path, sample.label):
            assert text.encode() and text.isprintable()


def test_classes_are_sorted_and_hold_every_label(reopen: Callable[[], Source]) -> None:
    source = reopen()
    assert source.classes() == sorted(set(source.classes()))
    assert {sample.label for sample in source.samples()} <= set(source.classes())


def test_splits_are_those_of_the_project_and_train_is_among_them(reopen: Callable[[], Source]) -> None:
    splits = {sample.split for sample in reopen().samples()}
    assert splits == {None} or (splits <= {"train", "val", "test"} and "train" in splits)


def test_pixels_are_bytes_of_one_or_three_channels(reopen: Callable[[], Source]) -> None:
    source = reopen()
    for sample in source.samples()[:50]:
        image = source.read(sample.path)
        assert image.pixels.dtype == np.uint8 and image.pixels.ndim == 3 and image.pixels.shape[2] in (1, 3)
        assert image.encoded_bytes > 0 and image.mode


def test_reading_needs_no_list_of_samples_first(reopen: Callable[[], Source]) -> None:
    first = reopen().samples()[0].path
    assert np.array_equal(reopen().read(first).pixels, reopen().read(first).pixels)


def test_a_stamp_stays_until_the_bytes_change(case: Case, path: Path, reopen: Callable[[], Source]) -> None:
    source = reopen()
    held = [s.path for s in source.samples() if case.changed in (s.path, path.name)] or [source.samples()[0].path]
    before = source.stamp(held[0])
    assert reopen().stamp(held[0]) == before
    assert (before is None) == (case.changed is None)
    if case.changed is not None:
        file = path.parent / case.changed if path.is_file() else path / case.changed
        copy = file.with_name("copy")
        shutil.copy(file, copy)
        copy.replace(file)
        assert reopen().stamp(held[0]) not in (before, None)


def test_what_is_passed_over_is_counted_by_reason(reopen: Callable[[], Source]) -> None:
    assert all(count > 0 and reason for reason, count in reopen().ignored().items())


def test_a_place_without_files_is_named(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.source == "digits":
        return
    monkeypatch.setattr(fashion_mnist, "SET", replace(fashion_mnist.SET, folders=()))  # Debian's package may be installed
    with pytest.raises(SourceMissing) as caught:
        open_source(case.source, str(tmp_path / "nowhere"), None, Downloads(tmp_path, fetch=False))
    assert "nowhere" in f"{caught.value.what} {caught.value.where} {caught.value.why}"
