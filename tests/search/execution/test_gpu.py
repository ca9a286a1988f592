"""What only a GPU can show; skipped where there is none.

`python -m pytest --noconftest tests/search/execution/test_gpu.py` needs torch with CUDA, pytest, numpy, psutil,
scikit-learn, pydantic and ruamel.yaml.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.search.execution import gpu
from pipeline.search.execution.messages import Assignment, Message, TrialData
from pipeline.search.execution.packing import Packing
from pipeline.search.execution.trial import run_trial
from pipeline.training.fit import Training
from pipeline.training.hyperparameters import Value, parse
from tests.training.samples import digits, noise

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")

SMALL: dict[str, Value] = {"train.epochs": 2, "train.batch_size": 64, "model.num_conv_layers": 1, "model.filters": 8}
KEY = "00112233-0004"


def trial(folder: Path, trials_a_gpu: int = 1, **hyperparameters: Value) -> Assignment:
    return Assignment(KEY, "cnn", {**SMALL, **hyperparameters}, 5, str(folder), 1, "cuda", trials_a_gpu=trials_a_gpu)


def memory() -> int:
    total: int = torch.cuda.get_device_properties(0).total_memory
    return total


def test_a_process_gets_its_part_of_the_memory_and_no_more() -> None:
    gpu.take("cuda", 4)
    cap = int(Packing(4, memory()).cap * memory())
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(cap + 2**28, dtype=torch.uint8, device="cuda")
    torch.empty(cap // 2, dtype=torch.uint8, device="cuda")
    assert gpu.peak_megabytes("cuda") == pytest.approx(cap / 2e6, rel=0.01)
    gpu.take("cuda", 1)
    assert gpu.peak_megabytes("cuda") < 1  # type: ignore[operator]


def test_a_trial_tells_the_peak_of_its_memory(tmp_path: Path) -> None:
    train, val, recipe = digits()
    messages = list(run_trial(trial(tmp_path), TrialData(recipe, train, val)))
    assert [len(message.epochs) for message in messages] == [1, 1]
    assert all(message.gpu_megabytes and 0 < message.gpu_megabytes < 1000 for message in messages)


def test_with_too_little_memory_it_says_so_beside_others_and_alone_it_takes_batches_in_parts(tmp_path: Path) -> None:
    train, recipe = noise(4096, size=96)
    data = TrialData(recipe, train, train)
    filters = int(2.4 * memory() / (4 * 96 * 96 * 4096))  # whose maps of the whole batch are more than it holds, in bfloat16 too
    wide: dict[str, Value] = {
        "train.epochs": 1,
        "train.batch_size": 4096,
        "model.filters": filters,
        "model.max_filters": filters,
        "model.pooling": "none",
        "model.head": "average",
    }
    (crowded,) = run_trial(trial(tmp_path, 2, **wide), data)
    assert isinstance(crowded, Message) and crowded.crowded > 0 and not crowded.end
    (alone,) = run_trial(trial(tmp_path, 1, **wide), data)
    assert alone.end == "" and "images at a time" in alone.note


def test_a_training_resumed_on_a_gpu_ends_bit_identical_to_an_unbroken_one() -> None:
    train, val, recipe = digits()
    point = parse("cnn", {**SMALL, "model.normalization": "batch", "model.dropout": 0.2, "augment.shift": 0.1})
    unbroken = Training(point, recipe, seed=1, device="cuda")
    list(unbroken.fit(train, val))
    begun = Training(point, recipe, seed=1, device="cuda")
    next(begun.fit(train, val))
    resumed = Training(point, recipe, seed=1, device="cuda", checkpoint=begun.checkpoint())
    list(resumed.fit(train, val))
    for one, other in zip(unbroken.network.state_dict().values(), resumed.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)
