"""Images that stay on disk train and measure as those in memory do, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.shards import Shard, Shards
from pipeline.training.fit import Training
from pipeline.training.hyperparameters import parse
from pipeline.training.tensors import Streamed, tensors
from tests.training.samples import noise


def on_disk(packed: Packed, folder: Path) -> Packed:
    """The same rows, their images in two files."""
    folder.mkdir()
    pieces = []
    for number, rows in enumerate((slice(0, 30), slice(30, None))):
        np.save(folder / f"{number}.npy", packed.images[rows])
        pieces.append(Shard(folder / f"{number}.npy", packed.images[rows].shape))
    return replace(packed, images=Shards(pieces))


def test_a_training_on_shards_ends_with_the_same_weights_and_metrics(tmp_path: Path) -> None:
    train, recipe = noise(48)
    val, _ = noise(40)
    hyperparameters = parse("cnn", {"train.epochs": 2, "train.batch_size": 16, "model.num_conv_layers": 1, "model.filters": 4})
    found = []
    for data in ((train, val), (on_disk(train, tmp_path / "train"), on_disk(val, tmp_path / "val"))):
        training = Training(hyperparameters, recipe, seed=0)
        curve = [replace(metrics, seconds=0) for metrics in training.fit(*data)]
        found.append((curve, training.network.state_dict()))
    (curve, weights), (other_curve, other_weights) = found
    assert curve == other_curve
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)


@pytest.mark.parametrize("rows", [slice(3, 9), torch.tensor([40, 0, 29, 30])])
def test_streamed_images_are_indexed_like_a_tensor(tmp_path: Path, rows: slice | torch.Tensor) -> None:
    packed, _ = noise(48)
    (whole, _), (streamed, _) = (tensors(each, torch.device("cpu")) for each in (packed, on_disk(packed, tmp_path / "set")))
    assert isinstance(streamed, Streamed) and isinstance(whole, torch.Tensor)
    assert (streamed.shape, len(streamed), streamed.device) == (whole.shape, len(whole), whole.device)
    assert torch.equal(streamed[rows], whole[rows])
