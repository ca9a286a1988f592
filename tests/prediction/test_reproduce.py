"""A model folder is tried in a process of its own: other answers are refused, and a file that would run code does not."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from pipeline import artifacts
from pipeline.errors import ExportDiffers, SecurityRefusal
from pipeline.prediction.reproduce import reproduce
from pipeline.training.engines import read_samples


def test_what_refit_wrote_is_reproduced(project: Path) -> None:
    reproduce(Path("model"))


def test_other_answers_than_the_stored_ones_are_refused(project: Path) -> None:
    named: dict[str, np.ndarray] = {}
    for index, (images, said) in enumerate(read_samples(Path("model/samples.safetensors").read_bytes())):
        named |= {f"images.{index}": images, f"probabilities.{index}": said[:, ::-1].copy()}
    Path("model/samples.safetensors").write_bytes(save(named))
    artifacts.write_manifest(Path("model"))

    with pytest.raises(ExportDiffers, match=r"E704 the model under torch at .*model — of images"):
        reproduce(Path("model"))


class _Canary:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("open('sung', 'w').close()",))


def test_a_pickle_in_the_model_is_refused_before_it_runs(project: Path) -> None:
    """As torch.load of a pt2 archive's example inputs would, or weights in torch's old format."""
    with zipfile.ZipFile("model/program.pt2") as old:
        files = {name: old.read(name) for name in old.namelist()}
    inputs = [name for name in files if "sample_inputs" in name]
    root = next(iter(files)).partition("/")[0]
    files[inputs[0] if inputs else f"{root}/data/sample_inputs/model.pt"] = pickle.dumps(_Canary())
    with zipfile.ZipFile("model/program.pt2", "w") as new:
        for name, content in files.items():
            new.writestr(name, content)
    artifacts.write_manifest(Path("model"))

    with pytest.raises(SecurityRefusal, match=r"look up builtins\.exec"):
        reproduce(Path("model"))
    assert not Path("sung").exists()
