from __future__ import annotations

import pytest
import torch

from pipeline.data.preparation.exportable import require_exportable
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.steps import Resize, Step
from pipeline.errors import StepNotExportable


class Decides:
    """Looks at a value before it decides what to compute."""

    key = "decides"

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Leave dark images alone."""
        return images if images.float().mean() < 10 else images + 1


class NeedsTwoRows:
    """Slices in a way that ties the program to images of some height."""

    key = "needs-two-rows"

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Drop the last row."""
        return images[:, :, :-1]


class Draws:
    """Gives other pixels each time."""

    key = "draws"

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Add noise."""
        return torch.randint_like(images, 256)


@pytest.mark.parametrize("bad", [Decides(), NeedsTwoRows(), Draws()], ids=lambda step: step.key)
def test_a_step_that_torch_export_cannot_carry_is_refused_by_name(bad: Step) -> None:
    with pytest.raises(StepNotExportable, match=rf"E213 preprocess\.steps\.0\.{bad.key} — "):
        require_exportable(Prepare(3, 8, [bad, Resize(fit="stretch")]))


def test_the_good_steps_before_it_are_not_named() -> None:
    with pytest.raises(StepNotExportable, match=r"preprocess\.steps\.1\.draws"):
        require_exportable(Prepare(1, 8, [Resize(fit="stretch"), Draws()]))


def test_a_good_preparation_passes() -> None:
    require_exportable(Prepare(3, 8, [Resize(fit="pad")]))
