"""Whether torch.export can carry a preparation into the registered model: asked before the first image is read."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pipeline.data.preparation.prepare import Prepare, input_dims
from pipeline.data.preparation.steps import Contrast, Denoise, Resize, Step
from pipeline.errors import StepNotExportable

# What tests/data/preparation/test_prepare.py exports and compares at every size, and the torch it does so with.
PROVEN = (Denoise, Resize, Contrast)
PROVEN_WITH = "2.13."
_PROBES = ((1, 1, 1, 1), (2, 3, 5, 2), (1, 3, 9, 40))  # shapes that a guard on a size or on the number of images trips over


def require_exportable(prepare: Prepare) -> None:
    """Raises StepNotExportable for the first step that torch.export refuses, or that computes otherwise when exported.

    Two seconds, most of it to start torch.export, so what is proven passes at once. The other steps of a preparation are not
    touched unless one of them is to blame.
    """
    proven = torch.__version__.startswith(PROVEN_WITH) and all(type(step) in PROVEN for step in prepare.steps)
    if proven or _obstacle(prepare) is None:
        return
    for number in range(1, len(prepare.steps) + 1):
        found = _obstacle(Prepare(prepare.channels, prepare.image_size, prepare.steps[:number]))
        if found is not None:
            raise _refusal(prepare.steps, number - 1, found)


def _obstacle(prepare: Prepare) -> str | None:
    """Why the exported program is not the preparation; None when it is."""
    side = prepare.image_size
    try:
        example = torch.zeros(2, 3, side + 5, side + 12, dtype=torch.uint8)
        program = torch.export.export(prepare, (example,), dynamic_shapes=(input_dims(),)).module()
        numbers = torch.Generator().manual_seed(0)
        for shape in _PROBES:
            images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=numbers)
            if not torch.equal(program(images), prepare(images)):
                return f"exported, it gives other pixels for images of shape {shape}"
    except Exception as error:  # torch.export and the steps raise whatever they like; each means the same here
        return " ".join(str(error).split()) or type(error).__name__
    return None


def _refusal(steps: Sequence[Step], index: int, why: str) -> StepNotExportable:
    key = steps[index].key
    remedy = "write it with operations that torch.export takes, or leave it out"
    return StepNotExportable(f"preprocess.steps.{index}.{key}", why=why, remedy=remedy)
