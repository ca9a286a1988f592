"""What runs a model that refit wrote, torch or onnxruntime, and whether it answers as the trained network did.

Neither library is imported before it is needed: a machine may have one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.errors import ExportDiffers

Engine = Literal["torch", "onnx"]
Images = npt.NDArray[np.uint8]  # N×C×H×W, C 1 (grey) or 3 (RGB), any size
Probabilities = npt.NDArray[np.float32]  # N×n
Answer = Callable[[Images], Probabilities]
Samples = list[tuple[Images, Probabilities]]

FILES: dict[Engine, str] = {"torch": "program.pt2", "onnx": "model.onnx"}
INPUT, OUTPUT = "images", "probabilities"  # of the ONNX model
SAMPLES = "samples.safetensors"  # images.0, probabilities.0, …: what the trained network said of them
TOLERANCE = 1e-4  # of a probability, between the network and any form of it


def torch_answers(program: bytes, device: str = "cpu") -> Answer:
    """The exported program on arrays."""
    import torch

    from pipeline.training.program import load, on_device

    run = load(program) if device == "cpu" else on_device(program, device)

    def answer(images: Images) -> Probabilities:
        with torch.inference_mode():
            found: Probabilities = run(torch.from_numpy(images).to(device)).cpu().numpy()
        return found

    return answer


def onnx_answers(model: bytes, device: str = "cpu") -> Answer:
    """The ONNX model on arrays; onnxruntime takes the threads it finds best."""
    import onnxruntime

    providers = ["CUDAExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model, providers=providers)

    def answer(images: Images) -> Probabilities:
        found: Probabilities = session.run([OUTPUT], {INPUT: images})[0]
        return found

    return answer


def read_samples(content: bytes) -> Samples:
    """What handout.py wrote: images and what the trained network said of them."""
    from safetensors.numpy import load

    tensors = load(content)
    return [(tensors[f"images.{index}"], tensors[f"probabilities.{index}"]) for index in range(len(tensors) // 2)]


def require_equal(form: str, answer: Answer, samples: Samples, where: str = "") -> None:
    """Raises ExportDiffers unless `answer` gives the stored probabilities to TOLERANCE."""
    for images, expected in samples:
        found = answer(images)
        differs = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
        if not differs <= TOLERANCE:  # also of NaN
            why = f"of images {'×'.join(map(str, images.shape))} it differs by {differs:.1e} from the trained network"
            raise ExportDiffers(form, where=where, why=why, remedy="use the torch and onnxruntime of requirements.lock")
