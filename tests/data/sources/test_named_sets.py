"""The sets known by name: what they declare, where their files are looked for, and what comes of damaged ones."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources import cifar10, cifar100, fashion_mnist, kmnist, mnist
from pipeline.data.sources.downloads import Downloads, RemoteFile
from pipeline.data.sources.reading.idx_set import IdxSet
from pipeline.data.sources.source import Source
from pipeline.errors import DownloadFailed, SetBroken, SourceMissing
from tests.file_server import Behaviour, serving
from tests.sets import cifar_records, write_idx, write_idx_set, write_tar

IDX_SETS = {module.SET.name: module.SET for module in (mnist, fashion_mnist, kmnist)}
CIFAR_SETS = {module.SET.name: module.SET for module in (cifar10, cifar100)}


def offline(folder: Path) -> Downloads:
    return Downloads(folder / "downloads", fetch=False)


def write_cifar10(path: Path, label: int = 3) -> Path:
    """The archive with 4 records a file, the first of each of class `label`."""
    records = bytes([label]) + cifar_records(4, 1)[1:]
    files = {f"cifar-10-batches-bin/{name}": records for name in (*cifar10.SET.train, cifar10.SET.test)}
    return write_tar(path, {"cifar-10-batches-bin/readme.html": b"read me", **files})


@pytest.mark.parametrize("declared", [*IDX_SETS.values(), *CIFAR_SETS.values()], ids=lambda declared: declared.name)
def test_what_is_fetched_is_declared_with_its_digest(declared: IdxSet) -> None:
    files = declared.files if declared.name in IDX_SETS else (declared.file,)
    assert len({file.sha256 for file in files}) == len(files) == (4 if declared.name in IDX_SETS else 1)
    for file in files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.size > 1000 and file.urls and all(url.endswith(f"/{file.name}") for url in file.urls)
    assert len(set(declared.classes)) == len(declared.classes) == (100 if declared.name == "cifar100" else 10)


@pytest.mark.parametrize("name", IDX_SETS)
@pytest.mark.parametrize("ending", [".gz", ""])
def test_idx_files_are_found_in_the_folder_packed_or_not(tmp_path: Path, name: str, ending: str) -> None:
    source = IDX_SETS[name].open(write_idx_set(tmp_path, ending=ending), offline(tmp_path))
    samples = source.samples()
    assert [sum(sample.split == split for sample in samples) for split in ("train", "test", "val")] == [30, 10, 0]
    assert (samples[0].path, samples[-1].path) == ("test/00000", "train/00029")
    assert samples[1].label == IDX_SETS[name].classes[1]
    assert source.read("train/00029").pixels.shape == (28, 28, 1)


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw"])
def test_idx_files_are_found_in_folders_of_the_sets_name(tmp_path: Path, folder: str) -> None:
    write_idx_set(tmp_path / folder)
    assert len(mnist.SET.open(tmp_path, offline(tmp_path)).samples()) == 40


@pytest.mark.skipif(not Path(fashion_mnist.DEBIAN).is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_debian_is_all_there(tmp_path: Path) -> None:
    source = fashion_mnist.SET.open(tmp_path, offline(tmp_path))
    samples = source.samples()
    assert len(samples) == 70_000
    assert samples[0].label == "Ankle boot" and samples[10_000].label == "Ankle boot"  # as on the set's page
    assert {sum(s.label == name for s in samples if s.split == "train") for name in source.classes()} == {6000}


def test_what_is_nowhere_and_must_not_be_fetched_is_named(tmp_path: Path) -> None:
    for declared in (mnist.SET, cifar10.SET):
        with pytest.raises(SourceMissing, match=r"set ingest\.download: true"):
            declared.open(tmp_path, offline(tmp_path))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Behaviour, RemoteFile]]:
    """CIFAR-10's archive with 4 records a file, on a server."""
    content = write_cifar10(tmp_path / "origin/cifar-10-binary.tar.gz").read_bytes()
    behaviour = Behaviour(content)
    with serving(behaviour) as address:
        name = "cifar-10-binary.tar.gz"
        yield behaviour, RemoteFile(name, (f"{address}/{name}",), len(content), hashlib.sha256(content).hexdigest())


def test_a_set_is_fetched_and_then_found(served: tuple[Behaviour, RemoteFile], tmp_path: Path) -> None:
    behaviour, file = served
    declared = replace(cifar10.SET, file=file, records=4, test_records=4)
    for _ in range(2):
        source = declared.open(tmp_path, Downloads(tmp_path / "downloads", fetch=True, pause_seconds=0.0))
    assert len(source.samples()) == 24
    assert len(behaviour.requests) == 1
    assert [file.name for file in (tmp_path / "downloads/cifar10").glob("[!.]*")] == ["cifar-10-binary.tar.gz"]


def test_a_wrong_file_is_not_read(served: tuple[Behaviour, RemoteFile], tmp_path: Path) -> None:
    behaviour, file = served
    behaviour.content = behaviour.content[:-1] + b"?"
    with pytest.raises(DownloadFailed, match="sha256 is"):
        replace(cifar10.SET, file=file).open(tmp_path, Downloads(tmp_path, fetch=True, pause_seconds=0.0))


@pytest.mark.parametrize("unpacked", [False, True])
def test_cifar_records_become_upright_colour_images(tmp_path: Path, unpacked: bool) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in (*cifar10.SET.train, cifar10.SET.test):
        (folder / name).write_bytes(cifar_records(4, 1))
    if not unpacked:
        write_tar(tmp_path / "cifar-10-binary.tar.gz", {f"b/{file.name}": file.read_bytes() for file in folder.iterdir()})
        for file in folder.iterdir():
            file.unlink()
    source: Source = replace(cifar10.SET, records=4, test_records=4).open(tmp_path, offline(tmp_path))
    record = np.frombuffer(cifar_records(4, 1), np.uint8).reshape(4, 3073)[2]
    assert [sample.label for sample in source.samples()[:3]] == ["airplane", "automobile", "bird"]
    assert np.array_equal(source.read("test/00002").pixels, record[1:].reshape(3, 32, 32).transpose(1, 2, 0))
    assert np.array_equal(source.read("train/00006").pixels, source.read("test/00002").pixels)


def test_the_fine_labels_of_cifar100_count(tmp_path: Path) -> None:
    write_tar(tmp_path / "cifar-100-binary.tar.gz", {"c/train.bin": cifar_records(4, 2), "c/test.bin": cifar_records(3, 2)})
    source = replace(cifar100.SET, records=4, test_records=3).open(tmp_path, offline(tmp_path))
    assert [sample.label for sample in source.samples()] == ["apple", "aquarium_fish", "baby"] * 2 + ["bear"]


@pytest.mark.parametrize("damage", ["cut", "no gzip", "short", "missing", "label"])
def test_a_damaged_cifar_archive_is_named(tmp_path: Path, damage: str) -> None:
    path = write_cifar10(tmp_path / "cifar-10-binary.tar.gz", label=10 if damage == "label" else 3)
    declared = replace(cifar10.SET, records=4, test_records=5 if damage == "short" else 4)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-4000])
    elif damage == "no gzip":
        path.write_bytes(b"hello")
    elif damage == "missing":
        write_tar(path, {"test_batch.bin": cifar_records(4, 1)})
    with pytest.raises(SetBroken, match="E312"):
        declared.open(tmp_path, offline(tmp_path))


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
@pytest.mark.parametrize("damage", ["truncated", "not gzip", "not idx", "other count", "other dimensions"])
def test_damaged_idx_files_are_named(tmp_path: Path, name: str, damage: str) -> None:
    path = write_idx_set(tmp_path) / name
    content = path.read_bytes()
    if damage == "other count":
        write_idx(path, np.zeros((7, 28, 28) if "images" in name else (7,)))
    elif damage == "other dimensions":
        write_idx(path, np.zeros((10, 2)))
    else:
        path.write_bytes({"truncated": content[:-20], "not gzip": b"hello", "not idx": gzip.compress(b"abcdefgh")}[damage])
    with pytest.raises(SetBroken, match="E312"):
        mnist.SET.open(tmp_path, offline(tmp_path))


def test_a_label_without_a_class_is_named(tmp_path: Path) -> None:
    write_idx(write_idx_set(tmp_path) / "train-labels-idx1-ubyte.gz", np.full(30, 10))
    with pytest.raises(SetBroken, match="label 10 of 10 classes"):
        mnist.SET.open(tmp_path, offline(tmp_path))
