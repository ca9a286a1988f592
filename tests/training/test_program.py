"""The exported program: any image size, the network's own predictions, torch alone to run it, nothing unpickled."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from pipeline.data.preparation.prepare import Prepare
from pipeline.training.evaluation import evaluate
from pipeline.training.fit import Training
from pipeline.training.hyperparameters import Value, parse
from pipeline.training.program import export, load
from tests.training.samples import noise

FLAT: dict[str, Value] = {
    "model.num_conv_layers": 2,
    "model.filters": 4,
    "model.dense_units": 8,
    "model.dropout": 0.5,
    "train.epochs": 1,
}
STRIDED: dict[str, Value] = {"model.stride": 2, "model.pooling": "none", "model.kernel_size": 4}
RESIDUAL: dict[str, Value] = {**STRIDED, "model.normalization": "batch", "model.skip": True, "model.head": "average"}
SIZES = [(8, 8), (21, 34), (5, 3)]


def _trained(channels: Literal[1, 3], classes: int, extra: dict[str, Value]) -> Training:
    train, recipe = noise(channels=channels, classes=classes)
    training = Training(parse("cnn", {**FLAT, **extra}), recipe, seed=0)
    list(training.fit(train, None))
    return training


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("extra", [{}, RESIDUAL], ids=["plain", "residual"])
def test_predictions_equal_those_of_the_network_on_prepared_pixels(
    channels: Literal[1, 3], classes: int, extra: dict[str, Value]
) -> None:
    _, recipe = noise(channels=channels, classes=classes)
    training = _trained(channels, classes, extra)
    program = load(export(training.network, recipe))
    for batch in (1, 2, 7):
        for given in (1, 3):
            for size in SIZES:
                images = torch.randint(0, 256, (batch, given, *size), dtype=torch.uint8)
                labels = torch.zeros(batch, dtype=torch.int64)
                expected = evaluate(training.network, training.standardize, Prepare.of(recipe)(images), labels).probabilities
                found = program(images)
                assert found.dtype == torch.float32
                np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-6)


def test_exporting_leaves_the_network_as_it_was() -> None:
    _, recipe = noise()
    training = _trained(3, 3, {})
    training.network.train()
    before = training.checkpoint()
    export(training.network, recipe)
    assert training.network.training and training.checkpoint() == before


def test_the_same_network_gives_the_same_bytes_without_paths_of_this_machine(tmp_path: Path) -> None:
    _, recipe = noise()
    first, second = (export(_trained(3, 3, RESIDUAL).network, recipe) for _ in range(2))
    assert first == second
    (tmp_path / "program.pt2").write_bytes(first)
    with zipfile.ZipFile(tmp_path / "program.pt2") as archive:
        assert not any(b".py" in archive.read(name) for name in archive.namelist() if name.endswith(".json"))


ALONE = """
import pickle
import sys
import numpy, torch
events = []
sys.addaudithook(lambda event, arguments: events.append(event) if event.startswith("pickle.") else None)
try:
    import pipeline
except ImportError:
    pass
else:
    sys.exit("pipeline is importable, so this test says nothing")
program = torch.export.load(sys.argv[1]).module()
for name, images in numpy.load(sys.argv[2]).items():
    numpy.save(f"{sys.argv[3]}/{name}.npy", program(torch.from_numpy(images)).detach().numpy())
if events:
    sys.exit(f"unpickled: {events}")
pickle.loads(pickle.dumps(sys.exit))
sys.exit(0 if events == ["pickle.find_class"] else "the hook hears nothing, so this test says nothing")
"""


def test_torch_alone_loads_it_without_unpickling_and_predicts_the_same(tmp_path: Path) -> None:
    _, recipe = noise()
    content = export(_trained(3, 3, RESIDUAL).network, recipe)
    (tmp_path / "program.pt2").write_bytes(content)
    numbers = np.random.default_rng(0)
    images = {f"{c}-{h}x{w}": numbers.integers(0, 256, (2, c, h, w), dtype=np.uint8) for c in (1, 3) for h, w in SIZES}
    np.savez(tmp_path / "images.npz", allow_pickle=False, **images)
    # the venv finds pipeline through its editable install; -S leaves that out, the folder with torch is added by hand
    packages = Path(torch.__file__).parent.parent
    script = f"import sys; sys.path.append({str(packages)!r})\n{ALONE}"
    arguments = [str(tmp_path / name) for name in ("program.pt2", "images.npz", ".")]
    command = [sys.executable, "-I", "-S", "-c", script, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    program = load(content)
    for name, batch in images.items():
        expected = program(torch.from_numpy(batch)).detach().numpy()
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), expected)
