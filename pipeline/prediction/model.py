"""A model folder, ready to answer: the engine that runs it, its classes, how its images were decoded."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline import artifacts
from pipeline.data.images.decoding import Decoding
from pipeline.errors import ResourcesMissing
from pipeline.prediction import int8
from pipeline.training.engines import FILES, Answer, Engine, onnx_answers, torch_answers

Form = Literal["torch", "onnx", "int8"]  # int8: onnxruntime with a model that `convoy pull --int8` made beside the others
EngineChoice = Literal["auto"] | Form
DeviceChoice = Literal["auto", "cpu", "cuda"]
PACKAGES: dict[Engine, str] = {"torch": "torch", "onnx": "onnxruntime"}  # what each is imported as


@dataclass(frozen=True, eq=False)
class Model:
    """classes: names, the index is the column of `answer`; digest: sha256 of the manifest, which names the model."""

    classes: tuple[str, ...]
    decoding: Decoding
    answer: Answer
    engine: Form
    device: str
    digest: str


def load(folder: Path, engine: EngineChoice = "auto", device: DeviceChoice = "auto") -> Model:
    """The sha256 of each file is checked before anything is loaded, and nothing that is loaded can run code.

    engine auto: torch where it is installed, else onnxruntime, never int8; device auto: a GPU where the engine has one. Raises
    MissingFile, DigestMismatch, ResourcesMissing.
    """
    artifacts.verify_manifest(folder)
    facts = artifacts.read_json(folder / "model.json")
    chosen = _engine("onnx" if engine == "int8" else engine)
    where = _device(chosen, "cpu" if engine == "int8" else device)
    make = torch_answers if chosen == "torch" else onnx_answers
    content = int8.read(folder) if engine == "int8" else artifacts.read_bytes(folder / FILES[chosen])
    decoding = Decoding.model_validate(facts["recipe"]["decode"])
    digest = artifacts.file_digest(folder / artifacts.MANIFEST)
    return Model(tuple(facts["classes"]), decoding, make(content, where), "int8" if engine == "int8" else chosen, where, digest)


def installed() -> list[Engine]:
    """The engines that can run here, the first to be taken first."""
    return [engine for engine, package in PACKAGES.items() if importlib.util.find_spec(package)]


def _engine(wanted: Literal["auto"] | Engine) -> Engine:
    here = installed()
    if wanted != "auto" and wanted not in here:
        raise _missing(f"the engine {wanted}", f"{PACKAGES[wanted]} is not installed")
    if not here:
        raise _missing("an engine", "neither torch nor onnxruntime is installed")
    return here[0] if wanted == "auto" else wanted


def _device(engine: Engine, wanted: DeviceChoice) -> str:
    if wanted == "cpu" or (wanted == "auto" and not _has_gpu(engine)):
        return "cpu"
    if not _has_gpu(engine):
        raise _missing("the device cuda", f"{PACKAGES[engine]} finds no GPU here", "leave --device out, or take cpu")
    return "cuda"


def _has_gpu(engine: Engine) -> bool:
    if engine == "torch":
        import torch

        return torch.cuda.is_available()
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def _missing(what: str, why: str, remedy: str = "install torch or onnxruntime, whichever is named") -> ResourcesMissing:
    return ResourcesMissing(what, why=why, remedy=remedy)
